"""A contact center's year on a virtual clock, run by the router's own decisions without servers or waiting."""
