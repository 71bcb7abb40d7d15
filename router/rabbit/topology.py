"""The exchanges and queues of the contract. The first connection declares them."""

from typing import Any

from aiormq.abc import AbstractChannel

from router.flow.run.bus import INTAKE_BROKER_QUEUE, OUTBOUND_BROKER_QUEUE, UNFETCHED_REPLIES_LAST, Exchange
from router.rabbit.connection import ANSWER_S, within

DEAD = "frontdesk.dead"

# By default RabbitMQ 4 drops a message after 20 deliveries. The limit counts deliveries, not failures, so it would
# hit messages that a dying worker had only prefetched: use it as a last resort.
_DELIVERIES = 1000
_ENDLESS = 2**31 - 1

_INTAKE_ARGUMENTS = {
    "x-queue-type": "quorum",
    "x-delivery-limit": _DELIVERIES,
    "x-dead-letter-exchange": DEAD,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",  # at-least-once dead-lettering needs it
}
_DEAD_ARGUMENTS = {"x-queue-type": "quorum", "x-delivery-limit": _ENDLESS}
_OUTBOUND_ARGUMENTS = {**_DEAD_ARGUMENTS, "x-message-ttl": int(UNFETCHED_REPLIES_LAST.total_seconds() * 1000)}


async def declare(amqp_channel: AbstractChannel) -> None:
    """Declare everything, the dead-letter queue before the queue that sends to it.

    A queue keeps replies for a week or until a sender takes them, so that none is unroutable. Raises `BusUnavailable`,
    also if the broker has an exchange or queue with other arguments; the message names it.
    """
    async with within(ANSWER_S, "declaring exchanges and queues"):
        await _declare(amqp_channel, exchange=DEAD, queue=DEAD, arguments=_DEAD_ARGUMENTS)
        await _declare(amqp_channel, exchange=Exchange.INBOUND, queue=INTAKE_BROKER_QUEUE, arguments=_INTAKE_ARGUMENTS)
        await _declare(
            amqp_channel, exchange=Exchange.OUTBOUND, queue=OUTBOUND_BROKER_QUEUE, arguments=_OUTBOUND_ARGUMENTS
        )


async def _declare(amqp_channel: AbstractChannel, *, exchange: str, queue: str, arguments: dict[str, Any]) -> None:
    await amqp_channel.exchange_declare(exchange, exchange_type="topic", durable=True)
    await amqp_channel.queue_declare(queue, durable=True, arguments=arguments)
    await amqp_channel.queue_bind(queue, exchange, routing_key="#")
