"""SQL for what people see."""
