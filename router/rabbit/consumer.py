"""Takes deliveries from RabbitMQ in batches and hands them to `take`, which processes them and counts attempts."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

from router.domain.errors import BusUnavailable
from router.flow.run.bus import BATCH_BYTES, INTAKE_BROKER_QUEUE, OUTBOUND_BROKER_QUEUE, Open, Take, as_it_is
from router.flow.run.hand_over import hand_over
from router.metrics import Metrics
from router.rabbit.connection import ANSWER_S, Link, open_channel, until_lost, within
from router.rabbit.properties import delivery_of
from router.rabbit.topology import DEAD, declare

BATCH = 200
LANES = 2
AHEAD = 2
"""Batches to deliver and open while the lanes are busy. With one, every batch had to wait until it was opened."""
PREFETCH_DEAD = 20
LOOK_EVERY_S = 10.0
BEAT_EVERY_S = 1.0
STALLED_AFTER_S = 30.0


class Buffered(NamedTuple):
    """What a delivery of `size` bytes was opened to, and the tag that acknowledges it."""

    tag: int
    size: int
    content: Any


Buffer = asyncio.Queue[Buffered]


class RabbitConsumer:
    """Implements `router.flow.run.bus.Consumer` on the intake queue and the dead-letter queue beside it.

    It has two lanes: while `take` works on two batches of at most `batch` deliveries, later deliveries wait in a buffer
    and go to `take` as soon as a lane is free. Acknowledgements go out in order. Whatever goes wrong, it drops the
    connection: the broker then delivers everything unacknowledged again, in order, and no stale buffer is left.

    A batch ends at `BATCH_BYTES`. The buffer is bounded only by number, to `AHEAD` batches: AMQP's prefetch counts
    deliveries, and RabbitMQ has no prefetch in bytes. If payloads are large, set a smaller batch.
    """

    def __init__(self, url: str, metrics: Metrics, *, batch: int = BATCH) -> None:
        self._link = Link(url, "consumer")
        self._metrics = metrics
        self._batch = batch
        self._idle_since: float | None = None

    def problems(self) -> Sequence[str]:
        return self._link.problems()

    async def run(self, take: Take[Any], open: Open[Any] = as_it_is) -> NoReturn:  # noqa: A002
        """Consume until cancelled, opening deliveries as they arrive; see `Consumer.run`."""

        async def use(connection: AbstractConnection) -> None:
            await self._consume(connection, take, open)

        self._metrics.consumers_expected.set(1)
        await self._link.keep(use)

    async def watch(self) -> NoReturn:
        """See `Consumer.watch`."""
        await self._link.keep(self._watch)

    async def _watch(self, connection: AbstractConnection) -> None:
        amqp_channel = await open_channel(connection)
        await declare(amqp_channel)
        self._link.works()
        try:
            while True:
                for broker_queue in (INTAKE_BROKER_QUEUE, DEAD, OUTBOUND_BROKER_QUEUE):
                    await self._look(amqp_channel, broker_queue)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._metrics.broker_ready.clear()

    async def _consume(self, connection: AbstractConnection, take: Take[Any], open_: Open[Any]) -> None:
        amqp_channel = await open_channel(connection)
        await declare(amqp_channel)
        buffer = Buffer()
        cancelled = _cancellation(amqp_channel)
        await self._subscribe(amqp_channel, buffer, open_)
        self._link.works()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lanes(tasks, amqp_channel, buffer, take), name="lanes")
                tasks.create_task(self._beat(), name="beat")
                tasks.create_task(self._look_after(connection), name="watch")
                tasks.create_task(until_lost(connection.closing, amqp_channel.closing, cancelled), name="lost")
        finally:
            self._metrics.consumers_actual.set(0)
            self._metrics.broker_ready.clear()

    async def _subscribe(self, amqp_channel: AbstractChannel, buffer: Buffer, open_: Open[Any]) -> None:
        async def arrived(message: DeliveredMessage) -> None:
            delivery = delivery_of(message, dead=message.consumer_tag == DEAD)
            buffer.put_nowait(Buffered(message.delivery_tag or 0, len(delivery.body), open_(delivery)))

        async with within(ANSWER_S, "subscribing"):
            await amqp_channel.basic_qos(prefetch_count=PREFETCH_DEAD)
            await amqp_channel.basic_consume(DEAD, arrived, consumer_tag=DEAD)
            await amqp_channel.basic_qos(prefetch_count=(LANES + AHEAD) * self._batch)
            await amqp_channel.basic_consume(INTAKE_BROKER_QUEUE, arrived, consumer_tag=INTAKE_BROKER_QUEUE)

    async def _lanes(
        self, tasks: asyncio.TaskGroup, amqp_channel: AbstractChannel, buffer: Buffer, take: Take[Any]
    ) -> NoReturn:
        """Hand over each batch as soon as a lane is free."""
        lanes = asyncio.Semaphore(LANES)
        in_order: asyncio.Queue[tuple[int, asyncio.Task[None]]] = asyncio.Queue()
        tasks.create_task(self._acknowledge(amqp_channel, in_order, lanes), name="acknowledge")
        while True:
            await lanes.acquire()
            batch = await _buffered(buffer, at_most=self._batch)
            self._idle_since = None
            taking = hand_over([buffered.content for buffered in batch], take, self._metrics)
            in_order.put_nowait((batch[-1].tag, tasks.create_task(taking, name="take")))

    async def _acknowledge(
        self,
        amqp_channel: AbstractChannel,
        in_order: "asyncio.Queue[tuple[int, asyncio.Task[None]]]",
        lanes: asyncio.Semaphore,
    ) -> NoReturn:
        while True:
            if in_order.empty():
                self._idle_since = asyncio.get_running_loop().time()
            tag, taken = await in_order.get()
            await taken
            with self._metrics.broker.labels("ack").time():
                async with within(ANSWER_S, "acknowledging"):
                    await amqp_channel.basic_ack(tag, multiple=True)
            lanes.release()
            self._metrics.loop_success.labels("intake").set_to_current_time()

    async def _beat(self) -> NoReturn:
        """Report success while the lanes are free; while one hangs, report nothing."""
        while True:
            if self._idle_since is not None:
                self._metrics.loop_success.labels("intake").set_to_current_time()
            await asyncio.sleep(BEAT_EVERY_S)

    async def _look_after(self, connection: AbstractConnection) -> NoReturn:
        """Ask the broker on a separate channel whether it still knows us; raise `BusUnavailable` if it does not."""
        amqp_channel = await open_channel(connection)
        while True:
            consumers, ready = await self._look(amqp_channel, INTAKE_BROKER_QUEUE)
            self._metrics.consumers_actual.set(consumers)
            if consumers == 0 or (ready and self._idle_s() > STALLED_AFTER_S):
                raise BusUnavailable(
                    f"{INTAKE_BROKER_QUEUE}: {consumers} consumers, {ready} ready, idle for {self._idle_s():.0f} s"
                )
            await self._look(amqp_channel, DEAD)
            await self._look(amqp_channel, OUTBOUND_BROKER_QUEUE)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, amqp_channel: AbstractChannel, broker_queue: str) -> tuple[int, int]:
        """Return how many consumers the queue has and how many messages wait in it; export the second as a metric."""
        async with within(ANSWER_S, f"asking for the state of {broker_queue}"):
            state = await amqp_channel.queue_declare(broker_queue, passive=True)
        consumers, ready = state.consumer_count or 0, state.message_count or 0
        self._metrics.broker_ready.labels(broker_queue).set(ready)
        return consumers, ready

    def _idle_s(self) -> float:
        return 0.0 if self._idle_since is None else asyncio.get_running_loop().time() - self._idle_since


async def _buffered(buffer: Buffer, *, at_most: int) -> list[Buffered]:
    """Wait for one delivery, then take along what else is there (zero linger)."""
    batch = [await buffer.get()]
    size = batch[0].size
    while len(batch) < at_most and size < BATCH_BYTES and not buffer.empty():
        batch.append(buffer.get_nowait())
        size += batch[-1].size
    return batch


def _cancellation(amqp_channel: AbstractChannel) -> "asyncio.Future[object]":
    """Become done when the broker cancels a consumer, as it does when somebody deletes the queue."""
    cancelled: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def on_cancel(_frame: object) -> None:
        if not cancelled.done():
            cancelled.set_result("the broker cancelled the consumer")

    amqp_channel.on_consumer_cancel_callbacks.add(on_cancel)
    return cancelled
