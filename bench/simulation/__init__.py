"""A contact center's year on a virtual clock, decided by the router's own decisions: no server, no waiting."""
