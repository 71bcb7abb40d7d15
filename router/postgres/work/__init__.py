"""SQL for what people do to tickets and agents."""
