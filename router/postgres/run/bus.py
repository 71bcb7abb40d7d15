"""The bus as a table: it replaces RabbitMQ in a deployment without a broker."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, NoReturn
from uuid import uuid4

import asyncpg
import structlog

from router.domain.errors import BusUnavailable, FrontdeskError, Unavailable
from router.flow.run.bus import (
    BATCH_BYTES,
    INTAKE_BROKER_QUEUE,
    OUTBOUND_BROKER_QUEUE,
    Delivery,
    Exchange,
    Open,
    Publication,
    Take,
    as_it_is,
)
from router.flow.run.hand_over import hand_over
from router.metrics import Metrics
from router.postgres.database import Database
from router.postgres.hints import Hints
from router.postgres.rows import storable
from router.postgres.statements import load

BATCH = 200
LEASE = timedelta(seconds=60)
POLL_S = 1.0
PUBLISH_S = 10.0
LONGEST_PAUSE_S = 5.0
LOOK_EVERY_S = 10.0
TOPIC = "frontdesk_bus"
_BROKER_QUEUES = {Exchange.INBOUND: INTAKE_BROKER_QUEUE, Exchange.OUTBOUND: OUTBOUND_BROKER_QUEUE}

# as long as a row can be before PostgreSQL compresses it: if this fits, most publications fit
_SAMPLE = Publication(exchange=Exchange.INBOUND, routing_key="sample", format="sample", body=bytes(1900))

SQL = load("run/bus")
log = structlog.get_logger(__name__)


class PostgresConsumer:
    """Implements `router.flow.run.bus.Consumer`: leases the oldest deliveries, and deletes them once taken.

    The lease is renewed while `take` runs, and released if it fails or the consumer stops. If the process dies, the
    lease expires after `LEASE`.
    """

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        hints: Hints,
        *,
        exchange: Exchange = Exchange.INBOUND,
        batch: int = BATCH,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._exchange = exchange
        self._batch = batch
        self._owner = uuid4().hex
        self._arrived = hints.subscribe(TOPIC)
        self._failures = 0
        self._problem: str | None = "bus: not consuming yet"

    def problems(self) -> Sequence[str]:
        return [] if self._problem is None else [self._problem]

    async def run(self, take: Take[Any], open: Open[Any] = as_it_is) -> NoReturn:  # noqa: A002
        """Consume until cancelled; see `Consumer.run`."""

        async def opening(deliveries: Sequence[Delivery]) -> None:
            await take([open(delivery) for delivery in deliveries])

        self._metrics.consumers_expected.set(1)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look_after(), name="watch bus")
                while True:
                    await self._next_batch(opening)
        finally:
            self._metrics.consumers_actual.set(0)
            self._metrics.broker_ready.clear()

    async def watch(self) -> NoReturn:
        """See `Consumer.watch`."""
        try:
            await self._look_after()
        finally:
            self._metrics.broker_ready.clear()

    async def _look_after(self) -> NoReturn:
        """Export how many deliveries wait."""
        while True:
            with suppress(FrontdeskError):  # the next batch reports what is wrong
                found = {row["exchange"]: row["ready"] for row in await self._database.fetch("bus", SQL["ready"])}
                for exchange, broker_queue in _BROKER_QUEUES.items():
                    self._metrics.broker_ready.labels(broker_queue).set(found.get(exchange, 0))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _next_batch(self, take: Take[Delivery]) -> None:
        self._arrived.clear()
        try:
            batch = await self._lease()
            self._works()
            if batch:
                await self._hand_over(batch, take)
            else:
                await self._wait()
        except Unavailable as exc:
            self._failed(exc)
            await asyncio.sleep(self._pause())

    async def _hand_over(self, batch: list[asyncpg.Record], take: Take[Delivery]) -> None:
        ids = [row["id"] for row in batch]
        async with self._held(ids):
            await hand_over([_delivery_of(row) for row in batch], take, self._metrics)
            with self._metrics.broker.labels("ack").time():
                await self._database.execute("bus", SQL["acknowledge"], ids, self._owner)
        self._failures = 0
        self._metrics.loop_success.labels("intake").set_to_current_time()

    async def _lease(self) -> list[asyncpg.Record]:
        rows = await self._database.fetch(
            "bus", SQL["lease"], self._exchange, self._batch, self._owner, LEASE, BATCH_BYTES
        )
        return sorted(rows, key=lambda row: int(row["id"]))

    @asynccontextmanager
    async def _held(self, ids: list[int]) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._renew(ids), name="renew bus lease")
        try:
            yield
        except BaseException:
            await self._release(ids)
            raise
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _renew(self, ids: list[int]) -> NoReturn:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with suppress(Unavailable):  # the next attempt still comes in time
                await self._database.execute("bus", SQL["renew"], ids, self._owner, LEASE)

    async def _release(self, ids: list[int]) -> None:
        with suppress(FrontdeskError):  # the lease expires by itself
            await self._database.execute("bus", SQL["release"], ids, self._owner)

    async def _wait(self) -> None:
        self._metrics.loop_success.labels("intake").set_to_current_time()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._arrived.wait()

    def _works(self) -> None:
        self._problem = None
        self._metrics.consumers_actual.set(1)

    def _failed(self, exc: Unavailable) -> None:
        self._failures += 1
        self._problem = f"bus: {exc}"
        self._metrics.consumers_actual.set(0)
        log.warning("bus interrupted", reason=str(exc))

    def _pause(self) -> float:
        return min(LONGEST_PAUSE_S, 0.1 * 2.0 ** min(self._failures, 10)) * random.uniform(0.5, 1)  # noqa: S311


class PostgresPublisher:
    """Implements `router.flow.run.bus.Publisher`: publications that wait together share one transaction."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._waiting: list[tuple[Publication, asyncio.Future[None]]] = []
        self._lane = asyncio.Lock()
        self._problem: str | None = None

    async def problems(self) -> Sequence[str]:
        """See `Publisher.problems`. After a failure, tries again first: nobody may publish until all is well."""
        if self._problem is not None:
            await self._try_out()
        return [] if self._problem is None else [self._problem]

    async def publish(self, publication: Publication) -> None:
        """See `Publisher.publish`."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((publication, kept))
        try:
            async with asyncio.timeout(PUBLISH_S):
                async with self._lane:
                    if not kept.done():  # if done, the previous holder of the lane has stored ours too
                        await self._keep_all()
                await kept
        except TimeoutError as exc:
            raise BusUnavailable(f"the bus did not store the message within {PUBLISH_S:g} s") from exc

    async def _keep_all(self) -> None:
        batch, self._waiting = self._waiting, []
        problem: str | None = "the bus did not store the message"  # in case we are cancelled
        try:
            with self._metrics.broker.labels("publish").time():
                await self._keep([publication for publication, _ in batch])
            problem = None
        except FrontdeskError as exc:
            problem = f"bus: {exc}"
        finally:
            self._problem = problem
            _settle(batch, problem)

    async def _try_out(self) -> None:
        try:
            with suppress(_Undone):
                await self._keep([_SAMPLE], undo=True)
            self._problem = None
        except FrontdeskError as exc:
            self._problem = f"bus: {exc}"

    async def _keep(self, publications: list[Publication], *, undo: bool = False) -> None:
        columns = zip(*(_row_of(publication) for publication in publications), strict=True)
        async with self._database.transaction("bus") as connection:
            await connection.execute(SQL["keep"], *map(list, columns))
            if undo:
                raise _Undone
            await connection.execute(SQL["announce"])


async def left_over(database: Database) -> Sequence[str]:
    """Return one line if the table holds deliveries although the bus is RabbitMQ: then nobody fetches them."""
    with suppress(Unavailable):  # the database's own check reports this
        if await database.fetch("bus", SQL["any"]):
            return ["bus: the table in PostgreSQL holds messages that nobody fetches: see docs/operations.md"]
    return []


class _Undone(Exception):
    """Ends a transaction that must leave nothing behind."""


def _settle(batch: list[tuple[Publication, "asyncio.Future[None]"]], problem: str | None) -> None:
    for _, kept in batch:
        if kept.done():  # its publisher was cancelled
            continue
        if problem is None:
            kept.set_result(None)
        else:
            kept.set_exception(BusUnavailable(problem))
            kept.exception()  # mark it as seen, in case its publisher was cancelled


def _delivery_of(row: asyncpg.Record) -> Delivery:
    return Delivery(
        body=row["body"],
        format=row["format"],
        account=row["account"],
        redelivered=row["deliveries"] > 1,
        trace_id=row["message_id"],
        published_at=row["published_at"],
        routing_key=row["routing_key"],
    )


def _row_of(publication: Publication) -> tuple[object, ...]:
    return (
        publication.exchange,
        storable(publication.routing_key),
        storable(publication.format),
        storable(publication.account),
        publication.body,
        storable(publication.message_id),
    )
