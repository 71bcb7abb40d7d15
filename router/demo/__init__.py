"""The demonstration: made-up customers and agents around the real router. Leaves the command line to `command`."""
