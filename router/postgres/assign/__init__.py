"""SQL for who gets a ticket."""
