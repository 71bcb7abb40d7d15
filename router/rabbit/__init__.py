"""All that speaks AMQP."""
