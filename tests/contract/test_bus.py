"""What the flows rely on, whichever bus carries the messages: RabbitMQ or the table."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.flow.run.bus import BATCH_BYTES, Consumer, Delivery, Exchange, Publisher, Take
from router.metrics import Metrics
from router.postgres.database import connected
from router.postgres.hints import Hints
from router.postgres.run import bus as postgres_bus
from router.postgres.run.bus import PostgresConsumer, PostgresPublisher
from router.rabbit import consumer as rabbit_consumer
from router.rabbit.consumer import RabbitConsumer
from router.rabbit.publisher import rabbit_publisher
from tests.making.publications import a_publication
from tests.making.running import running

DEADLINE_S = 20


@dataclass(frozen=True)
class Bus:
    publisher: Publisher
    consumer: Callable[[int], Consumer]
    registry: CollectorRegistry

    def ready(self, broker_queue: str) -> float | None:
        return self.registry.get_sample_value("router_broker_ready_messages", {"broker_queue": broker_queue})

    async def eventually(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.02)

    async def publish(self, *bodies: str) -> None:
        """One after the other, each confirmed before the next."""
        for body in bodies:
            await self.publisher.publish(a_publication(body))


@pytest.fixture
async def rabbit_bus(amqp_url: str) -> AsyncIterator[Bus]:
    metrics = Metrics(CollectorRegistry())
    async with rabbit_publisher(amqp_url, metrics) as publisher:
        yield Bus(publisher, lambda batch: RabbitConsumer(amqp_url, metrics, batch=batch), metrics.registry)


@pytest.fixture
async def table_bus(database_url: str) -> AsyncIterator[Bus]:
    metrics = Metrics(CollectorRegistry())
    hints = Hints(database_url, metrics)
    async with connected(database_url, metrics, size=6, name="test") as database, running(hints.run()):
        yield Bus(
            PostgresPublisher(database, metrics),
            lambda batch: PostgresConsumer(database, metrics, hints, batch=batch),
            metrics.registry,
        )


@pytest.fixture(params=["rabbit_bus", "table_bus"])
def bus(request: pytest.FixtureRequest) -> Bus:
    return request.getfixturevalue(request.param)


class Taken:
    """A `take` that remembers; while `gate` is closed it does not return."""

    def __init__(self) -> None:
        self.batches: list[list[Delivery]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Condition()

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        async with self._changed:
            self.batches.append(list(deliveries))
            self._changed.notify_all()
        await self.gate.wait()

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for batch in self.batches for delivery in batch]

    @property
    def bodies(self) -> list[str]:
        return [delivery.body.decode() for delivery in self.deliveries]

    async def until(self, condition: Callable[["Taken"], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def until_all(self, bodies: Sequence[str]) -> None:
        await self.until(lambda taken: set(bodies) <= set(taken.bodies))


def consuming(bus: Bus, take: Take, *, batch: int = 200):
    return running(bus.consumer(batch).run(take))


def numbered(count: int) -> list[str]:
    return [f"{number:04}" for number in range(count)]


async def test_deliveries_come_in_the_order_they_were_published(bus: Bus):
    await bus.publish(*numbered(60))
    taken = Taken()
    async with consuming(bus, taken, batch=7):
        await taken.until_all(numbered(60))
    assert taken.bodies == numbered(60)


async def test_a_delivery_carries_what_was_published(bus: Bus):
    body = bytes(range(256))
    publication = a_publication(
        body,
        routing_key="email.email.rfc822",
        format="email.rfc822",
        account="help@shop.example",
        message_id="<1@mail.example>",
    )
    await bus.publisher.publish(publication)
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until(lambda taken: bool(taken.batches))
    (delivery,) = taken.deliveries
    assert delivery.published_at is not None
    assert abs(datetime.now(UTC) - delivery.published_at) < timedelta(minutes=1)
    assert delivery == Delivery(
        body=body,
        format="email.rfc822",
        account="help@shop.example",
        redelivered=False,
        trace_id="<1@mail.example>",
        published_at=delivery.published_at,
        routing_key="email.email.rfc822",
    )


async def test_a_long_or_strange_message_id_does_not_keep_a_message_out(bus: Bus):
    await bus.publisher.publish(a_publication("long", message_id="x" * 998))
    await bus.publisher.publish(a_publication("nul", message_id="a\x00b"))
    await bus.publisher.publish(a_publication("half", message_id="a\ud800b"))
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until_all(["long", "nul", "half"])


async def test_a_long_or_strange_account_or_format_does_not_keep_a_message_out(bus: Bus):
    await bus.publisher.publish(a_publication("long", account="é" * 200, format="x" * 300))
    await bus.publisher.publish(a_publication("half", account="a\ud800b"))
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until_all(["long", "half"])


async def test_a_lone_delivery_does_not_wait_for_company(bus: Bus):
    taken = Taken()
    async with consuming(bus, taken):
        for body in numbered(3):
            await bus.publish(body)
            await taken.until_all([body])
    assert [len(batch) for batch in taken.batches] == [1, 1, 1]


async def test_what_arrives_during_a_batch_shares_the_next(bus: Bus):
    taken = Taken()
    taken.gate.clear()
    async with consuming(bus, taken):
        await bus.publish("first")
        await taken.until_all(["first"])
        await bus.publish(*numbered(50))
        taken.gate.set()
        await taken.until_all(numbered(50))
    assert len(taken.batches) < 25


async def test_a_batch_is_never_larger_than_agreed(bus: Bus):
    taken = Taken()
    async with consuming(bus, taken, batch=10), asyncio.timeout(DEADLINE_S):
        while max(map(len, taken.batches), default=0) < 10:  # what waits has arrived by then, or nearly always
            bodies = [f"{len(taken.bodies)} {body}" for body in numbered(35)]
            taken.gate.clear()
            await bus.publish(*bodies)
            taken.gate.set()
            await taken.until_all(bodies)
    assert max(map(len, taken.batches)) == 10


async def test_a_batch_ends_where_it_grows_too_large_but_holds_one_delivery_at_least(bus: Bus):
    taken = Taken()
    taken.gate.clear()
    async with consuming(bus, taken):
        await bus.publish("first")
        await taken.until_all(["first"])
        bodies = [mark * (BATCH_BYTES // 2) for mark in "abc"] + ["d" * (BATCH_BYTES + 1), "e"]
        await bus.publish(*bodies)
        taken.gate.set()
        await taken.until_all(bodies)
    assert taken.bodies == ["first", *bodies]
    assert max(sum(len(delivery.body) for delivery in batch[:-1]) for batch in taken.batches) < BATCH_BYTES


async def test_a_consumer_says_that_it_is_well_while_idle_and_after_each_batch(bus: Bus):
    taken = Taken()
    async with consuming(bus, taken):
        await beats(bus, after=0)
        taken.gate.clear()
        await bus.publish("stuck")
        await taken.until_all(["stuck"])
        last = beat(bus)
        taken.gate.set()
        await beats(bus, after=last)


def beat(bus: Bus) -> float:
    return bus.registry.get_sample_value("router_loop_last_success_timestamp_seconds", {"loop": "intake"}) or 0


async def beats(bus: Bus, *, after: float) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while beat(bus) <= after:
            await asyncio.sleep(0.01)


async def test_what_was_taken_does_not_come_again(bus: Bus):
    taken = Taken()
    async with consuming(bus, taken):
        await bus.publish("first")
        await taken.until_all(["first"])
        await bus.publish("second")
        await taken.until_all(["second"])  # one lane: the first is acknowledged before the second is handed over
    later = Taken()
    async with consuming(bus, later):
        await bus.publish("third")
        await later.until_all(["third"])
    assert "first" not in later.bodies


async def test_what_a_stopped_consumer_had_in_hand_comes_again_and_says_so(bus: Bus):
    await bus.publish(*numbered(5))
    stuck = Taken()
    stuck.gate.clear()
    async with consuming(bus, stuck):
        await stuck.until(lambda taken: bool(taken.batches))
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until_all(numbered(5))
    assert taken.bodies == numbered(5)
    assert all(delivery.redelivered for delivery in taken.deliveries if delivery.body.decode() in stuck.bodies)


async def test_a_batch_that_fails_comes_again_in_order(bus: Bus):
    await bus.publish(*numbered(8))
    taken = Taken()

    async def fail_once(deliveries: Sequence[Delivery]) -> None:
        await taken(deliveries)
        if len(taken.batches) == 1:
            raise RuntimeError("not now")

    async with consuming(bus, fail_once):
        await taken.until(lambda taken: taken.bodies[-8:] == numbered(8) and len(taken.batches) > 1)
    in_hand = {delivery.body for delivery in taken.batches[0]}
    again = [delivery for batch in taken.batches[1:] for delivery in batch]
    assert all(delivery.redelivered for delivery in again if delivery.body in in_hand)


async def test_nothing_is_lost_when_consumers_come_and_go(bus: Bus):
    await bus.publish(*numbered(120))
    everything: list[str] = []
    for _ in range(4):
        taken = Taken()
        async with consuming(bus, taken, batch=10):
            await taken.until(lambda taken: len(taken.batches) >= 3)
        everything += taken.bodies
    taken = Taken()
    async with consuming(bus, taken, batch=10):
        await taken.until(lambda taken: set(everything + taken.bodies) == set(numbered(120)))


async def test_a_stuck_consumer_does_not_hold_up_another(bus: Bus):
    taken, gate = Taken(), asyncio.Event()

    async def stuck(deliveries: Sequence[Delivery]) -> None:
        await taken(deliveries)
        await gate.wait()

    async with consuming(bus, stuck, batch=1):
        await bus.publish("held")
        await taken.until_all(["held"])
        async with consuming(bus, taken, batch=1):
            await bus.publish(*numbered(12))
            await taken.until(lambda taken: len(taken.bodies) >= 11)  # two may lie ready behind those that are held
            gate.set()
            await taken.until_all(numbered(12))
    assert sorted(taken.bodies) == [*numbered(12), "held"]


async def test_many_publish_at_the_same_time(bus: Bus):
    bodies = numbered(300)
    await asyncio.gather(*(bus.publisher.publish(a_publication(body, message_id="same")) for body in bodies))
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until_all(bodies)
    assert sorted(taken.bodies) == bodies


async def test_a_cancelled_publish_does_not_disturb_the_others(bus: Bus):
    bodies = numbered(100)
    publishing = [asyncio.create_task(bus.publish(body)) for body in bodies]
    await asyncio.sleep(0)
    for task in publishing[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*publishing, return_exceptions=True)
    assert not [outcome for outcome in outcomes[1::2] if outcome is not None]
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until_all(bodies[1::2])


async def test_a_healthy_bus_has_no_problems_and_counts_its_consumer(bus: Bus):
    consumer = bus.consumer(200)
    assert consumer.problems()
    taken = Taken()
    async with running(consumer.run(taken)):
        await bus.publish("hello")
        await taken.until_all(["hello"])
        assert list(consumer.problems()) == list(await bus.publisher.problems()) == []
        assert bus.registry.get_sample_value("router_consumers_expected") == 1


async def test_what_waits_in_the_bus_is_exported_while_somebody_consumes(bus: Bus, monkeypatch):
    for adapter in (postgres_bus, rabbit_consumer):
        monkeypatch.setattr(adapter, "LOOK_EVERY_S", 0.05)
    await bus.publish(*numbered(9))
    await bus.publisher.publish(a_publication("reply", exchange=Exchange.OUTBOUND))
    taken = Taken()
    taken.gate.clear()
    async with consuming(bus, taken, batch=1):
        await taken.until(lambda taken: bool(taken.batches))
        await bus.eventually(lambda: bus.ready("frontdesk.intake") in {5, 6, 7, 8})  # taken or at hand is the rest
        await bus.eventually(lambda: bus.ready("frontdesk.outbound") == 1)
        taken.gate.set()
        await bus.eventually(lambda: bus.ready("frontdesk.intake") == 0)
    assert bus.ready("frontdesk.intake") is None


async def test_a_stopped_consumer_leaves_no_task_behind(bus: Bus):
    await bus.publish("before")
    tasks = asyncio.all_tasks()
    taken = Taken()
    async with consuming(bus, taken):
        await taken.until_all(["before"])
    if left := asyncio.all_tasks() - tasks:
        _, pending = await asyncio.wait(left, timeout=5)
        assert not pending
