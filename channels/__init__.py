"""What a provider says on the wire, both ways. Pure: no I/O, no clock, nothing of the router."""
