"""Publishes to RabbitMQ with confirms, many at a time. The caller repeats what failed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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

    def doubt(self, reason: BusUnavailable) -> None:
        if not self.doubted.done():
            self.doubted.set_result(reason)


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
                async with within(CONFIRM_S, doing, mistakes=_UNPUBLISHABLE):
                    await self._send(session.amqp_channel, publication)
        except BusUnavailable as exc:
            if not is_blocked(session.connection):  # a new connection would have to fail before it knew the reason
                session.doubt(exc)
            raise

    async def problems(self) -> Sequence[str]:
        if self._session is not None and is_blocked(self._session.connection):
            return ["broker: it accepts no messages now (a memory or disk alarm)"]
        return self._link.problems()

    async def _use(self, connection: AbstractConnection) -> None:
        amqp_channel = await open_channel(connection)
        await declare(amqp_channel)
        self._session = _Session(connection, amqp_channel, asyncio.get_running_loop().create_future())
        self._up.set()
        self._link.works()
        try:
            await until_lost(connection.closing, amqp_channel.closing, self._session.doubted)
        finally:
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
