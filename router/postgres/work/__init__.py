"""SQL for what people do."""
