"""What was sent and what became of it, told without any of the product's code: AMQP and SQL alone."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import aio_pika
import asyncpg

INTAKE, DEAD = "frontdesk.intake", "frontdesk.dead"
CONFIRMED_WITHIN_S = 5
RETRY_EVERY_S = 0.5

Body = Mapping[str, object]


class Ledger:
    """An integration that writes down what it is going to send, and sends it until the broker has confirmed."""

    def __init__(self, file: Path, amqp_url: str) -> None:
        self._file = file
        self._url = amqp_url

    async def send(self, bodies: Sequence[Body]) -> None:
        """Return once all are confirmed; what was interrupted is sent again and may arrive twice."""
        with self._file.open("a") as file:
            file.writelines(f"{json.dumps([body['channel'], body['account'], body['id']])}\n" for body in bodies)
        while True:
            try:
                await self._send_all(bodies)
            except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError):
                await asyncio.sleep(RETRY_EVERY_S)
            else:
                return

    async def _send_all(self, bodies: Sequence[Body]) -> None:
        async with asyncio.timeout(CONFIRMED_WITHIN_S), await aio_pika.connect(self._url) as connection:
            amqp_channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            exchange = await amqp_channel.get_exchange("frontdesk.inbound")
            await asyncio.gather(
                *(exchange.publish(_delivery(body), f"{body['channel']}.message.v1") for body in bodies)
            )

    @property
    def sent(self) -> set[tuple[str, ...]]:
        """Channel, account and id of everything that was to be sent."""
        return {tuple(json.loads(line)) for line in self._file.read_text().splitlines()}


def _delivery(body: Body) -> aio_pika.Message:
    return aio_pika.Message(
        json.dumps(body).encode(), type="message.v1", delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )


async def waiting(amqp_url: str) -> dict[str, int]:
    """How many deliveries are ready in the two queues; those of connections that are gone count as ready."""
    async with asyncio.timeout(20), await aio_pika.connect(amqp_url) as connection:
        amqp_channel = await connection.channel()
        queues = [await amqp_channel.get_queue(name) for name in (INTAKE, DEAD)]
        return {queue.name: queue.declaration_result.message_count or 0 for queue in queues}


async def ask(database_url: str, sql: str) -> list[tuple[object, ...]]:
    """The rows of one statement."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        return [tuple(row) for row in await connection.fetch(sql, timeout=30)]
    finally:
        await connection.close(timeout=10)
