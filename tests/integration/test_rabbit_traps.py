"""The known traps of AMQP clients, each sprung on a real broker. What rules each out, and which test shows it:

- a consumer is silently gone after a reconnect: each connection starts from nothing; `killed`, `stalled`
- the broker cancels a consumer: `deleted_queue`
- publishing hangs without a connection: `killed`, `blocks_publishers`
- a frozen broker ends in a cancellation that nobody asked for: `frozen`
- a confirm never comes: `frozen`; one id is twice in flight: the bus contract, `many_publish_at_the_same_time`
- an unroutable message looks published: `no_queue`
- a failing handler keeps its prefetch slots: `failing_batches`
- deliveries of a closed AMQP channel go stale: the buffer ends with its connection; `closed_by_the_broker`
- a reconnect forgets settings: `killed` looks at the prefetch
- each reconnect leaves something behind: `closed_by_the_broker` counts tasks and files
- the first connect fails for good: `killed` starts a consumer while the broker is down
- an acknowledgement is lost with the broker: not ruled out; what comes twice says so, and the database knows it
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import aiormq
import psutil
import pytest
from aiormq.abc import AbstractChannel
from pamqp import encode
from pamqp.commands import Basic
from prometheus_client import CollectorRegistry

from router.domain.errors import BusUnavailable, Misconfigured
from router.flow.run.bus import INTAKE_BROKER_QUEUE, OUTBOUND_BROKER_QUEUE, Delivery, Exchange, Take
from router.metrics import Metrics
from router.rabbit import connection, consumer, publisher
from router.rabbit.connection import check
from router.rabbit.consumer import AHEAD, BATCH, LANES, RabbitConsumer
from router.rabbit.publisher import RabbitPublisher, rabbit_publisher
from router.rabbit.topology import DEAD, declare
from tests.making.publications import a_publication, publish_when_possible
from tests.making.running import running
from tests.servers.rabbit import RabbitNode

DEADLINE_S = 60


@pytest.fixture(scope="module")
def node(broker_url: str) -> Iterator[RabbitNode]:
    """A broker that may be killed; `broker_url` says that this machine can run one."""
    with RabbitNode() as node:
        yield node


@pytest.fixture
async def rabbit(amqp_url: str) -> AsyncIterator[RabbitPublisher]:
    async with rabbit_publisher(amqp_url, Metrics(CollectorRegistry())) as publisher:
        yield publisher


@asynccontextmanager
async def consuming(url: str, take: Take, *, batch: int = 200) -> AsyncIterator[RabbitConsumer]:
    consumer = RabbitConsumer(url, Metrics(CollectorRegistry()), batch=batch)
    async with running(consumer.run(take)):
        yield consumer


@asynccontextmanager
async def an_outsider(url: str) -> AsyncIterator[AbstractChannel]:
    """Somebody else on the broker, whose doings we do not control."""
    connection = await aiormq.connect(url)
    try:
        yield await connection.channel()
    finally:
        await connection.close()


class Taken:
    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._changed = asyncio.Condition()

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        async with self._changed:
            self.deliveries += deliveries
            self._changed.notify_all()

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.body for delivery in self.deliveries]

    async def until(self, *bodies: bytes) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: set(bodies) <= set(self.bodies))


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.05)


async def said(publisher: RabbitPublisher, words: str) -> None:
    """Return once a problem of the publisher has these words."""
    async with asyncio.timeout(DEADLINE_S):
        while not any(words in problem for problem in await publisher.problems()):
            await asyncio.sleep(0.05)


async def test_a_message_that_no_queue_takes_is_refused_and_the_queue_comes_back(
    amqp_url: str, rabbit: RabbitPublisher
):
    await rabbit.publish(a_publication())
    async with an_outsider(amqp_url) as amqp_channel:
        await amqp_channel.queue_unbind(INTAKE_BROKER_QUEUE, Exchange.INBOUND, "#")
        with pytest.raises(BusUnavailable):
            await rabbit.publish(a_publication())
    await publish_when_possible(rabbit, b"again")


async def test_a_publication_that_amqp_cannot_express_is_the_publishers_own_mistake(
    rabbit: RabbitPublisher,
):
    with pytest.raises(ValueError, match="Routing key too long"):
        await rabbit.publish(replace(a_publication(), routing_key="x" * 256))
    await rabbit.publish(a_publication())


async def test_a_broker_with_a_bad_certificate_is_reported_and_tried_again(amqp_url: str, monkeypatch):
    async def untrusted(_: object) -> None:
        raise ssl.SSLCertVerificationError("certificate has expired")

    monkeypatch.setattr(connection.Connection, "connect", untrusted)
    async with rabbit_publisher(amqp_url, Metrics(CollectorRegistry())) as publisher:
        await said(publisher, "certificate has expired")
        monkeypatch.undo()
        await publish_when_possible(publisher, b"trusted again")


async def test_a_connection_lost_without_a_word_is_named_by_its_kind():
    lost: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    lost.set_exception(ConnectionResetError())
    with pytest.raises(BusUnavailable, match="the connection was lost: ConnectionResetError"):
        await connection.until_lost(lost)


async def test_a_fault_that_nobody_foresaw_does_not_end_the_upkeep(amqp_url: str, monkeypatch):
    async def faulty(_: object) -> None:
        raise LookupError("not foreseen")

    monkeypatch.setattr(publisher, "declare", faulty)
    async with rabbit_publisher(amqp_url, Metrics(CollectorRegistry())) as rabbit:
        await said(rabbit, "not foreseen")
        monkeypatch.undo()
        await publish_when_possible(rabbit, b"after")


async def test_replies_that_no_sender_fetches_do_not_stay_for_ever(amqp_url: str, rabbit: RabbitPublisher):
    await rabbit.publish(a_publication())
    documented = {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1, "x-message-ttl": 7 * 24 * 3600 * 1000}
    async with an_outsider(amqp_url) as amqp_channel:
        await amqp_channel.queue_declare(
            OUTBOUND_BROKER_QUEUE, durable=True, arguments=documented
        )  # any other is refused


async def test_a_deleted_queue_is_declared_again_and_consumed(amqp_url: str, rabbit: RabbitPublisher):
    taken = Taken()
    async with consuming(amqp_url, taken):
        await rabbit.publish(a_publication(b"before"))
        await taken.until(b"before")
        async with an_outsider(amqp_url) as amqp_channel:
            await amqp_channel.queue_delete(INTAKE_BROKER_QUEUE)
        await publish_when_possible(rabbit, b"after")
        await taken.until(b"after")


async def test_failing_batches_leave_no_delivery_behind(amqp_url: str, rabbit: RabbitPublisher, monkeypatch):
    monkeypatch.setattr(connection, "LONGEST_PAUSE_S", 0.01)
    bodies = [b"%d" % number for number in range(20)]
    await asyncio.gather(*(rabbit.publish(a_publication(body)) for body in bodies))
    taken, failures = Taken(), iter(range(8))

    async def fail_at_first(deliveries: Sequence[Delivery]) -> None:
        if next(failures, None) is not None:
            raise RuntimeError("not now")
        await taken(deliveries)

    async with consuming(amqp_url, fail_at_first):
        await taken.until(*bodies)


async def test_properties_that_cannot_be_read_do_not_stop_anybody(amqp_url: str, rabbit: RabbitPublisher, monkeypatch):
    monkeypatch.setitem(encode.METHODS, "timestamp", lambda _: b"\x00\x06" + b"\x00" * 6)  # microseconds: year 55,000
    monkeypatch.setitem(encode.METHODS, "shortstr", lambda text: bytes([len(text)]) + text.encode("latin-1"))
    strange = Basic.Properties(timestamp=datetime.now(UTC), message_type="caf\xe9")
    taken = Taken()
    async with consuming(amqp_url, taken):
        async with an_outsider(amqp_url) as amqp_channel:
            await declare(amqp_channel)
            await amqp_channel.basic_publish(b"strange", exchange=Exchange.INBOUND, properties=strange)
        monkeypatch.undo()
        await rabbit.publish(a_publication(b"plain"))
        await taken.until(b"strange", b"plain")
    (delivery,) = [delivery for delivery in taken.deliveries if delivery.body == b"strange"]
    assert (delivery.format, delivery.published_at) == ("caf\ufffd", None)


async def test_what_the_broker_dead_lettered_is_consumed_too(amqp_url: str, rabbit: RabbitPublisher):
    await rabbit.publish(a_publication(b"rejected"))
    async with an_outsider(amqp_url) as amqp_channel:
        refused = asyncio.get_running_loop().create_future()

        async def refuse(message: aiormq.abc.DeliveredMessage) -> None:
            await amqp_channel.basic_reject(message.delivery_tag, requeue=False)
            refused.set_result(None)

        await amqp_channel.basic_consume(INTAKE_BROKER_QUEUE, refuse)
        await asyncio.wait_for(refused, DEADLINE_S)
    taken = Taken()
    async with consuming(amqp_url, taken):
        await taken.until(b"rejected")
    assert taken.deliveries[0].redelivered
    assert taken.deliveries[0].format == "message.v1"


class DeafBuffer(asyncio.Queue[aiormq.abc.DeliveredMessage]):
    def put_nowait(self, item: aiormq.abc.DeliveredMessage) -> None:
        """Lose it, as a client library that has lost track would."""


async def test_a_stalled_consumer_connects_again(amqp_url: str, rabbit: RabbitPublisher, monkeypatch):
    monkeypatch.setattr(consumer, "Buffer", DeafBuffer)
    monkeypatch.setattr(consumer, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(consumer, "STALLED_AFTER_S", 0.3)
    taken = Taken()
    async with consuming(amqp_url, taken, batch=1) as stalled:
        await asyncio.gather(*(rabbit.publish(a_publication(b"%d" % number)) for number in range(5)))
        await eventually(lambda: any("ready, idle" in problem for problem in stalled.problems()))
        assert not taken.bodies
        monkeypatch.undo()
        await taken.until(*(b"%d" % number for number in range(5)))


async def test_a_connection_closed_by_the_broker_is_replaced_and_nothing_of_it_stays(node: RabbitNode):
    taken, held, gate = Taken(), Taken(), asyncio.Event()

    async def hold(deliveries: Sequence[Delivery]) -> None:
        await held(deliveries)
        await gate.wait()
        await taken(deliveries)

    async with rabbit_publisher(node.url, Metrics(CollectorRegistry())) as publisher, consuming(node.url, hold):
        await publisher.publish(a_publication(b"held"))
        await held.until(b"held")
        tasks, files = len(asyncio.all_tasks()), psutil.Process().num_fds()
        for _ in range(3):
            await asyncio.to_thread(node.control, "close_all_connections", "a test")
            held.deliveries.clear()
            await held.until(b"held")
            await publish_when_possible(publisher, b"more")
        gate.set()
        await taken.until(b"held", b"more")
        assert all(delivery.redelivered for delivery in taken.deliveries if delivery.body == b"held")
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
        assert psutil.Process().num_fds() <= files


async def test_a_broker_that_blocks_publishers_is_named_and_resumes(node: RabbitNode, monkeypatch):
    monkeypatch.setattr(publisher, "READY_S", 0.5)
    monkeypatch.setattr(publisher, "CONFIRM_S", 1.0)
    async with rabbit_publisher(node.url, Metrics(CollectorRegistry())) as rabbit:
        await rabbit.publish(a_publication())
        await asyncio.to_thread(node.control, "set_disk_free_limit", "900000GB")
        try:
            for _ in range(2):
                with pytest.raises(BusUnavailable):
                    await rabbit.publish(a_publication())
            await said(rabbit, "alarm")
        finally:
            await asyncio.to_thread(node.control, "set_disk_free_limit", "50MB")
        await publish_when_possible(rabbit, b"after")
        assert not await rabbit.problems()


async def test_a_frozen_broker_ends_publishing_within_the_deadline(node: RabbitNode, monkeypatch):
    monkeypatch.setattr(publisher, "CONFIRM_S", 1.0)
    monkeypatch.setattr(connection, "CONNECT_S", 1.0)
    monkeypatch.setattr(connection, "CLOSE_S", 0.5)
    async with rabbit_publisher(node.url, Metrics(CollectorRegistry())) as rabbit:
        await rabbit.publish(a_publication())
        node.pause()
        try:
            for _ in range(2):
                async with asyncio.timeout(publisher.READY_S + publisher.CONFIRM_S + 1):
                    with pytest.raises(BusUnavailable):
                        await rabbit.publish(a_publication())
            await said(rabbit, "not connected")
        finally:
            node.resume()
        await publish_when_possible(rabbit, b"after")


async def test_a_killed_broker_is_waited_for_by_everybody(node: RabbitNode):
    old, new = Taken(), Taken()
    async with (
        rabbit_publisher(node.url, Metrics(CollectorRegistry())) as rabbit,
        consuming(node.url, old) as was_there,
    ):
        await publish_when_possible(rabbit, b"before")
        await old.until(b"before")
        await asyncio.to_thread(node.kill)
        with pytest.raises(BusUnavailable):
            await rabbit.publish(a_publication())
        await eventually(was_there.problems)
        await said(rabbit, "not connected")
        assert f"127.0.0.1:{node.port}" in was_there.problems()[0]
        async with consuming(node.url, new) as newcomer:
            await asyncio.to_thread(node.start)
            await eventually(lambda: not newcomer.problems() and not was_there.problems())
            for number in range(10):
                await publish_when_possible(rabbit, b"%d" % number)
            await eventually(lambda: {b"%d" % n for n in range(10)} <= set(old.bodies + new.bodies))
            prefetch = await asyncio.to_thread(node.control, "list_consumers", "queue_name", "prefetch_count")
    assert (
        sorted(prefetch.split("\n")[1:-1])
        == [f"{DEAD}\t20"] * 2 + [f"{INTAKE_BROKER_QUEUE}\t{(LANES + AHEAD) * BATCH}"] * 2
    )


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("amqp://guest:guest@127.0.0.1:1/", BusUnavailable),  # it may only be starting
        ("amqp://guest:wrong@{server}/", Misconfigured),
        ("amqp://guest:guest@{server}/nowhere", Misconfigured),
    ],
)
async def test_a_broker_that_cannot_be_used_is_named_with_its_setting(
    broker_url: str, url: str, error: type[Exception]
):
    server = broker_url.rpartition("@")[2].partition("/")[0]
    with pytest.raises(error, match="FRONTDESK_AMQP_URL"):
        await check(url.format(server=server))


async def test_a_virtual_host_that_is_not_there_is_named(broker_url: str):
    with pytest.raises(Misconfigured, match=r"virtual host 'nowhere' does not exist, or the user may not use it$"):
        await check(broker_url.rstrip("/") + "/nowhere")
