"""The pool finds the server that takes writes, on a real PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import StoreUnavailable
from router.metrics import Metrics
from router.postgres import database as module
from router.postgres.database import Database, connected
from tests.watching.waiting import waiting_for_locks

WRITE = "insert into secret (name, value) values ('sample', '')"
LOCKS = """
    select from pg_locks
    join pg_database on pg_database.oid = pg_locks.database
    where pg_locks.locktype = 'advisory'
      and pg_database.datname = current_database()"""


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[Database]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="admin") as admin:
        yield admin


@pytest.fixture
async def demoted(admin: Database, database_url: str) -> AsyncIterator[Database]:
    """Connected to a server that takes no writes any more, while one behind the same address does."""
    await take_writes(admin, is_on=False)
    async with connected(database_url, Metrics(CollectorRegistry()), size=3, name="test") as database:
        await take_writes(admin, is_on=True)
        yield database


async def take_writes(admin: Database, *, is_on: bool) -> None:
    """For every connection made from now on."""
    [row] = await admin.fetch("test", "select current_database() as name")
    value = "off" if is_on else "on"
    await admin.execute("test", f"alter database {row['name']} set default_transaction_read_only = {value}")


async def write(database: Database) -> None:
    await database.execute("test", WRITE)


async def test_one_failed_write_leaves_a_server_that_has_become_read_only(demoted: Database):
    with pytest.raises(StoreUnavailable, match="25006"):
        await write(demoted)
    await write(demoted)


async def test_a_read_only_server_is_a_problem_and_is_left(demoted: Database):
    assert await demoted.problems() == [
        "database: the server is read-only: point FRONTDESK_DATABASE_URL to the primary"
    ]
    assert await demoted.problems() == []
    await write(demoted)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With one connection, which whoever comes next has to put up with."""
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="test") as database:
        yield database


async def begin(database: Database, locks: Sequence[int]) -> None:
    async with database.transaction("test", locks=locks):
        pass


async def test_locks_are_held_until_the_end_of_the_transaction(admin: Database, database: Database, database_url: str):
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="third") as third:
        async with admin.transaction("test", locks=[-7, 7]):
            waiting = asyncio.create_task(begin(database, [7]))
            await waiting_for_locks(third)
        await waiting


async def test_transaction_cancelled_while_it_waits_for_a_lock_leaves_none_behind(
    admin: Database, database: Database, database_url: str
):
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="third") as third:
        async with admin.transaction("test", locks=[7]):
            waiting = asyncio.create_task(begin(database, [-7, 7]))
            await waiting_for_locks(third)
            waiting.cancel()
            await asyncio.wait({waiting})
            await begin(third, [-7])
        await begin(database, [7])
    assert waiting.cancelled()


async def test_who_finds_no_connection_free_is_told_in_time_and_loses_none(
    admin: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("router.postgres.database.ACQUIRE_S", 0.05)
    async with asyncio.timeout(10):
        async with admin.transaction("test"):
            with pytest.raises(StoreUnavailable, match="FRONTDESK_DATABASE_CONNECTIONS"):
                await begin(admin, [])
        await begin(admin, [])


async def test_failed_transaction_leaves_nothing_behind(database: Database):
    with suppress(ZeroDivisionError):
        async with database.transaction("test", locks=[7]) as connection:
            await connection.execute(WRITE)
            raise ZeroDivisionError
    assert await database.fetch("test", "select from secret where name = 'sample'") == []
    assert await database.fetch("test", LOCKS) == []


async def test_read_only_transaction_refuses_to_write(database: Database):
    async with database.transaction("test", read_only=True) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute(WRITE)


async def test_closing_does_not_wait_for_whoever_keeps_a_connection(database_url: str):
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="test") as leaving:
        kept = asyncio.create_task(keep(leaving))
        await asyncio.sleep(0)
        begun = time.monotonic()
    assert time.monotonic() - begun < module.CLOSE_S + 1
    with pytest.raises(StoreUnavailable):
        await kept


async def test_closing_does_not_wait_for_a_pool_that_does_not_end(database_url: str, monkeypatch: pytest.MonkeyPatch):
    """However often it is cancelled."""
    goes_on = asyncio.Event()

    async def never(_: object) -> None:
        while not goes_on.is_set():
            with suppress(asyncio.CancelledError):
                await goes_on.wait()

    monkeypatch.setattr(asyncpg.Pool, "close", never)
    begun = time.monotonic()
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="test") as leaving:
        await leaving.fetch("test", "select 1")
    assert time.monotonic() - begun < module.CLOSE_S + 1
    goes_on.set()


async def test_a_database_that_is_gone_holds_nobody_up_and_writes_nothing(
    server_url: str, empty_database_url: str, caplog: pytest.LogCaptureFixture
):
    async with (
        connected(server_url, Metrics(CollectorRegistry()), size=1, name="admin") as server,
        connected(empty_database_url, Metrics(CollectorRegistry()), size=3, name="test") as leaving,
    ):
        await leaving.fetch("test", "select 1")
        await server.execute("test", f"drop database {urlsplit(empty_database_url).path[1:]} with (force)")
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await leaving.fetch("test", "select 1")
        await asyncio.sleep(0.1)
        begun = time.monotonic()
    assert time.monotonic() - begun < module.CLOSE_S + 1
    assert caplog.records == []


async def keep(database: Database) -> None:
    async with database.transaction("test") as connection:
        await connection.fetch("select pg_sleep(10)")
