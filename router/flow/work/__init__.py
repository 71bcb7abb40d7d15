"""What people do to tickets and agents."""
