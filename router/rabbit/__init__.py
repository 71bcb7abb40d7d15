"""All aio-pika."""
