"""SQL for what every process keeps running."""
