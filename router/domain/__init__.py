"""The nouns, the state machine and the errors. Frozen, no I/O."""
