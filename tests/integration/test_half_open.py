"""A link to PostgreSQL that has fallen silent is noticed once, in time, and nobody meets another dead connection."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from router.domain.errors import StoreUnavailable
from router.metrics import Metrics
from router.postgres import database as module
from router.postgres.database import Database, connected
from tests.servers.proxy import Link, linked

STATEMENT_S = 3.0
CONNECTIONS = 4


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[Link]:
    async with linked(database_url) as link:
        yield link


@pytest.fixture
async def database(database_url: str, link: Link, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """All its connections are open and idle."""
    monkeypatch.setattr(module, "STATEMENT_S", STATEMENT_S)
    metrics = Metrics(CollectorRegistry())
    async with connected(link.url(database_url), metrics, size=CONNECTIONS, name="test") as database:
        await asyncio.gather(*(database.fetch("test", "select pg_sleep(0.1)") for _ in range(CONNECTIONS)))
        assert link.connections == CONNECTIONS
        yield database


@contextmanager
def takes(at_least: float, at_most: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert at_least - 0.1 <= time.monotonic() - begun <= at_most


async def transact(database: Database) -> None:
    async with database.transaction("test") as connection:
        await connection.fetch("select 1")


async def lose_in_transaction(database: Database, link: Link) -> None:
    async with database.transaction("test") as connection:
        link.lose_present()
        await connection.fetch("select 1")


async def write_after_abort(database: Database) -> None:
    async with database.transaction("test") as connection:
        connection._con._transport.abort()
        await connection.fetch("select 1")


async def test_a_dead_connection_is_noticed_after_one_statement_and_the_others_are_not_met(
    database: Database, link: Link
):
    link.lose_present()
    with takes(STATEMENT_S, STATEMENT_S + 1), pytest.raises(StoreUnavailable, match="no answer in time"):
        await transact(database)
    with takes(0, 1):
        for _ in range(CONNECTIONS):
            await transact(database)
            await database.fetch("test", "select 1")


async def test_a_link_lost_in_a_transaction_ends_it_in_time(database: Database, link: Link):
    with takes(STATEMENT_S, STATEMENT_S + 1), pytest.raises(StoreUnavailable):
        await lose_in_transaction(database, link)
    with takes(0, 1):
        await transact(database)


async def test_whoever_goes_away_from_a_silent_link_does_not_wait_for_it(database: Database, link: Link):
    link.lose_present()
    asking = asyncio.create_task(transact(database))
    await asyncio.sleep(0.2)
    asking.cancel()
    with takes(0, module.LEAVE_S + 1):
        await asyncio.wait({asking})
    assert asking.cancelled()


async def test_while_no_server_answers_nobody_waits_longer_than_for_a_connection(database: Database, link: Link):
    link.lose()
    with pytest.raises(StoreUnavailable):
        await transact(database)
    for _ in range(2):
        with takes(module.ACQUIRE_S, module.ACQUIRE_S + 1), pytest.raises(StoreUnavailable):
            await transact(database)
    link.restore()
    await transact(database)


async def test_health_notices_a_silent_link_at_once_and_ends_it(database: Database, link: Link):
    link.lose_present()
    with takes(module.HEALTH_S, module.HEALTH_S + 0.4):
        assert await database.problems() == ["database: the database does not answer: no answer in time"]
    with takes(0, 1):
        assert await database.problems() == []
        await transact(database)


async def test_health_names_a_transaction_that_does_not_end(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "STUCK_S", 0.1)
    async with database.transaction("test"):
        await asyncio.sleep(0.2)
        assert await database.problems() == ["database: a transaction has not ended for 0 s"]
    assert await database.problems() == []


async def test_wrong_values_cost_no_connection(database: Database, link: Link):
    before = link.connections
    for _ in range(CONNECTIONS):
        with pytest.raises(Exception, match="invalid input"):
            async with database.transaction("test") as connection:
                await connection.fetch("select $1::integer", "no number")
        await transact(database)
    assert link.connections == before


async def test_a_connection_that_uvloop_has_closed_is_an_outage(database_url: str):
    async def write_to_a_closed_handle() -> None:
        async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="test") as database:
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="connection"):
                    await write_after_abort(database)
                await transact(database)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(write_to_a_closed_handle())

    await asyncio.to_thread(run)
