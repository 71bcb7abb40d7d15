"""Use cases: load, decide, record."""
