"""Files that operators write: YAML without surprises, strict keys, and faults in sentences that name the place."""
