"""Publishes to RabbitMQ with confirms, many at a time. The caller repeats what failed."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import NoReturn
from weakref import WeakValueDictionary

from aiormq import Channel
from aiormq.abc import AbstractConnection

from router.domain.errors import BusUnavailable
from router.flow.run.bus import Publication
from router.metrics import Metrics
from router.rabbit.connection import Link, is_blocked, open_channel, until_lost, within
from router.rabbit.properties import properties_of
from router.rabbit.topology import declare

READY_S = 2.0
CONFIRM_S = 5.0
BLOCKED_S = 1.5
"""How long a publication waits for its confirm while the broker is blocked: the sender hears of it within 2 seconds."""
LOOK_EVERY_S = 0.25
_BLOCKED = "broker: it accepts no messages now (a memory or disk alarm)"
# aiormq raises these for a publication that AMQP cannot express, such as one with too long a routing key
_UNPUBLISHABLE = (ValueError, TypeError)


@asynccontextmanager
async def rabbit_publisher(url: str, metrics: Metrics) -> AsyncIterator["RabbitPublisher"]:
    """Yield a publisher, and keep its connection up until the block ends."""
    publisher = RabbitPublisher(url, metrics)
    upkeep = asyncio.create_task(publisher.run(), name="publisher")
    try:
        yield publisher
    finally:
        upkeep.cancel()
        await asyncio.wait({upkeep})


@dataclass(frozen=True, slots=True, eq=False)
class _Session:
    connection: AbstractConnection
    amqp_channel: Channel
    doubted: "asyncio.Future[object]"
    waiting: dict[asyncio.Timeout, float]
    """The deadline of each publication that waits for its confirm, and since when it waits."""

    def doubt(self, reason: BusUnavailable) -> None:
        if not self.doubted.done():
            self.doubted.set_result(reason)

    @contextmanager
    def waits(self, deadline: asyncio.Timeout) -> Iterator[None]:
        self.waiting[deadline] = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            del self.waiting[deadline]

    async def look(self) -> NoReturn:
        """End the wait of publications once the broker is blocked, as it is by the first one under an alarm."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self.waiting or not is_blocked(self.connection):
                continue
            for deadline, since in self.waiting.items():
                if clock() - since >= BLOCKED_S - LOOK_EVERY_S and not deadline.expired():
                    deadline.reschedule(clock())


class RabbitPublisher:
    """Implements `router.flow.run.bus.Publisher`.

    `publish` waits at most `READY_S` for a connection that is not blocked, and `CONFIRM_S` for the confirm. If it fails
    on a connection that is not blocked, that connection is dropped, and the next one declares the topology again.
    """

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._link = Link(url, "publisher")
        self._metrics = metrics
        self._session: _Session | None = None
        self._up = asyncio.Event()
        self._same_id: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        await self._link.keep(self._use)

    async def publish(self, publication: Publication) -> None:
        """See `Publisher.publish`; raises `BusUnavailable` within `READY_S + CONFIRM_S`."""
        session = self._session
        if session is None or is_blocked(session.connection):
            session = await self._ready()
        try:
            with self._metrics.broker.labels("publish").time():
                doing = f"publishing to {publication.exchange}"
                async with within(CONFIRM_S, doing, mistakes=_UNPUBLISHABLE) as deadline:
                    with session.waits(deadline):
                        await self._send(session.amqp_channel, publication)
        except BusUnavailable as exc:
            if is_blocked(session.connection):
                raise BusUnavailable(_BLOCKED) from exc
            session.doubt(exc)  # not if it is blocked: a new connection would have to fail before it knew the reason
            raise

    async def problems(self) -> Sequence[str]:
        if self._session is not None and is_blocked(self._session.connection):
            return [_BLOCKED]
        return self._link.problems()

    async def _use(self, connection: AbstractConnection) -> None:
        amqp_channel = await open_channel(connection)
        await declare(amqp_channel)
        self._session = session = _Session(connection, amqp_channel, asyncio.get_running_loop().create_future(), {})
        self._up.set()
        self._link.works()
        looking = asyncio.create_task(session.look(), name="alarms")
        try:
            await until_lost(connection.closing, amqp_channel.closing, session.doubted)
        finally:
            looking.cancel()
            self._up.clear()
            self._session = None

    async def _ready(self) -> _Session:
        async with within(READY_S, "; ".join(await self.problems()) or "waiting for the broker"):
            while self._session is None:
                await self._up.wait()
            session = self._session
            await session.connection.ready()
            return session

    async def _send(self, amqp_channel: Channel, publication: Publication) -> None:
        properties = properties_of(publication)
        # aiormq tells returned messages apart by id alone: two in flight with one id would get each other's outcome
        async with self._same_id.setdefault(str(properties.message_id), asyncio.Lock()):
            await amqp_channel.basic_publish(
                publication.body,
                exchange=publication.exchange,
                routing_key=publication.routing_key,
                properties=properties,
                mandatory=True,
                wait=False,  # not for the socket: the confirm says more
            )
