"""SQL for what comes in."""
