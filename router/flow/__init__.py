"""Use cases: load, decide, record. What they need from the world stands as Protocols beside them."""
