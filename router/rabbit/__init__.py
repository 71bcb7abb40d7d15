"""RabbitMQ: everything that speaks AMQP is here."""
