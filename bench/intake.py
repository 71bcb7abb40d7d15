"""Intake: compares the product's worker with a consumer that handles one message per transaction.

Both take turns to drain a prefilled broker queue of 1 KB messages, then run at half the rate they reached
(`half_load`); ours also runs at half the reference's rate (`same_load`). Times run from publishing to the committed
ticket. Broker, database, publisher and worker share the machine.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from prometheus_client import CollectorRegistry

from bench.paced import publication, publish_paced
from bench.row import Row, Services, faster
from bench.traffic import messages
from router.metrics import Metrics
from router.postgres.migrate import migrate
from router.rabbit.publisher import RabbitPublisher, rabbit_publisher

DRAINS = 5
"""Drains by each side, in turns: on a shared machine they differ by a tenth."""

PACES = 2
PACED_S = 6.0
ENDS_WITHIN_S = 120.0
PUBLISHED_AT_ONCE = 500
WORKER_STARTS_S = 4.0
"""When the paced load starts: a worker that is still starting would find a backlog."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two consumers, and how many messages it drains in a round."""

    kind: str
    messages: int


OURS = Side("batch", 16_000)
REFERENCE = Side("per-message", 2_000)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker printed."""

    messages: float
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


async def run(services: Services) -> list[Row]:
    """Return this benchmark's rows; none if there is no broker."""
    if services.amqp_url is None:
        return []
    metrics = Metrics(CollectorRegistry())
    async with rabbit_publisher(services.amqp_url, metrics) as publisher:
        drained = [await _both_drained(services, publisher) for _ in range(DRAINS)]
    full, full_reference = ([side.rate for side in sides] for sides in zip(*drained, strict=True))
    paced = [await _paced(services, median(full) / 2, median(full_reference) / 2) for _ in range(PACES)]
    return [
        faster("intake_vs_per_message", full, full_reference, "msg/s"),
        *_quicker("half_load", [p.ours for p in paced], [p.reference for p in paced]),
        *_quicker("same_load", [p.ours_at_same for p in paced], [p.reference for p in paced]),
    ]


async def _both_drained(services: Services, publisher: RabbitPublisher) -> tuple[Report, Report]:
    return await _drain(services, publisher, OURS), await _drain(services, publisher, REFERENCE)


@dataclass(frozen=True, slots=True)
class Paced:
    """Each side at half its own rate, and ours at half the reference's rate."""

    ours: Report
    reference: Report
    ours_at_same: Report


async def _paced(services: Services, half: float, half_reference: float) -> Paced:
    return Paced(
        ours=await _pace(services, OURS, half),
        reference=await _pace(services, REFERENCE, half_reference),
        ours_at_same=await _pace(services, OURS, half_reference),
    )


def _quicker(name: str, ours: list[Report], reference: list[Report]) -> list[Row]:
    """Compare by their medians the times from publishing to the committed ticket; less is better."""
    return [
        _shorter(f"intake_p50_at_{name}", [r.p50_ms for r in ours], [r.p50_ms for r in reference]),
        _shorter(f"intake_p99_at_{name}", [r.p99_ms for r in ours], [r.p99_ms for r in reference]),
    ]


def _shorter(name: str, ours: list[float], reference: list[float]) -> Row:
    return Row(
        name=name,
        ours=round(median(ours), 1),
        reference=round(median(reference), 1),
        ratio=round(median(reference) / median(ours), 2),
        unit="ms",
    )


async def _drain(services: Services, publisher: RabbitPublisher, side: Side) -> Report:
    await _publish(publisher, messages(side.messages))
    async with _database(services.database_url) as database_url:
        return await _work(services, database_url, side, side.messages)


async def _pace(services: Services, side: Side, rate: float) -> Report:
    """Run the worker while `rate` messages a second are published, whether it keeps up or not."""
    count = int(rate * PACED_S)
    async with _database(services.database_url) as database_url:
        bodies = messages(count, start=1_000_000)
        publishing = asyncio.ensure_future(
            publish_paced(services.amqp_url or "", bodies, rate, starts_in_s=WORKER_STARTS_S)
        )
        report = await _work(services, database_url, side, count)
        await publishing
        return report


async def _publish(publisher: RabbitPublisher, bodies: Iterable[bytes]) -> None:
    places = asyncio.Semaphore(PUBLISHED_AT_ONCE)

    async def one(body: bytes) -> None:
        async with places:
            await publisher.publish(publication(body, due=time.time()))

    await asyncio.gather(*map(one, bodies))


async def _work(services: Services, database_url: str, side: Side, count: int) -> Report:
    """Run a worker until `count` messages are in the database."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.intake_worker", side.kind,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"FRONTDESK_DATABASE_URL": database_url, "FRONTDESK_AMQP_URL": services.amqp_url or ""},
    )  # fmt: skip
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await _until_received(database_url, count)
    finally:
        worker.terminate()
        printed, _ = await worker.communicate()
    return Report(**json.loads(printed))


async def _until_received(database_url: str, count: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        while await connection.fetchval("select count(*) from received") < count:
            await asyncio.sleep(0.2)
    finally:
        await connection.close()


@asynccontextmanager
async def _database(server_url: str) -> AsyncIterator[str]:
    name = f"bench_{uuid4().hex}"
    server = await asyncpg.connect(server_url)
    await server.execute(f"create database {name}")
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    try:
        await migrate(url)
        yield url
    finally:
        await server.execute(f"drop database {name} with (force)")
        await server.close()
