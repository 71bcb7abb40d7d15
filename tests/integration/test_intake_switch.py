"""The switch that stops intake: while it is off, messages stay in the broker; turned on, they become tickets."""

import asyncio
from collections.abc import Callable
from functools import partial

import aio_pika
import pytest
from prometheus_client import CollectorRegistry

from router.flow.run import switch as flow
from router.flow.run.bus import INTAKE_BROKER_QUEUE, Exchange, Publication
from router.flow.run.switch import Switch
from router.metrics import Metrics
from router.postgres.database import Database
from router.postgres.intake.receive import PostgresIntake
from router.postgres.run.operations import PostgresOperations
from router.rabbit import consumer as consumer_module
from router.rabbit.consumer import RabbitConsumer
from router.rabbit.publisher import rabbit_publisher
from tests.making.intake import MAILROOM, a_receiver
from tests.making.messages import a_message

DEADLINE_S = 30


async def test_while_it_is_off_messages_stay_in_the_broker(
    database: Database, amqp_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(consumer_module, "LOOK_EVERY_S", 0.02)
    operations, metrics = PostgresOperations(database), Metrics(CollectorRegistry())
    consumer = RabbitConsumer(amqp_url, metrics)
    switch = Switch(partial(operations.is_on, "intake"))
    receiver = a_receiver(PostgresIntake(database), metrics=metrics)

    async def received() -> int:
        return (await database.fetch("test", "select count(*) from received"))[0][0]

    async def exported() -> float | None:
        return metrics.registry.get_sample_value("router_broker_ready_messages", {"broker_queue": INTAKE_BROKER_QUEUE})

    async with asyncio.timeout(DEADLINE_S), rabbit_publisher(amqp_url, metrics) as publisher:
        running = asyncio.create_task(switch.run(partial(consumer.run, receiver.take), consumer.watch))
        await publisher.publish(a_publication())
        await until(received, lambda count: count == 1)

        await operations.turn("intake", on=False)
        await until(partial(consumers, amqp_url), lambda count: count == 0)
        for _ in range(3):
            await publisher.publish(a_publication())
        assert await ready(amqp_url) == 3
        await until(exported, lambda count: count == 3)
        assert await received() == 1

        await operations.turn("intake", on=True)
        await until(received, lambda count: count == 4)
        running.cancel()
        await asyncio.wait([running])
    assert await ready(amqp_url) == 0


def a_publication() -> Publication:
    delivery = MAILROOM.deliver(a_message())
    return Publication(exchange=Exchange.INBOUND, routing_key="email.v1", format=delivery.format, body=delivery.body)


async def until(look: Callable, wanted: Callable[[int], bool]) -> None:
    """Look again and again; the test's own deadline ends it."""
    while not wanted(await look()):
        await asyncio.sleep(0.02)


async def ready(amqp_url: str) -> int:
    return (await _state(amqp_url)).message_count


async def consumers(amqp_url: str) -> int:
    return (await _state(amqp_url)).consumer_count


async def _state(amqp_url: str):
    async with await aio_pika.connect(amqp_url) as connection:
        amqp_channel = await connection.channel()
        return (await amqp_channel.get_queue(INTAKE_BROKER_QUEUE)).declaration_result
