"""SQL for what people are shown."""
