"""Nouns, the state machine and errors. Frozen, no I/O."""
