"""What people do with tickets and agents."""
