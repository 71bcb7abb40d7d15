"""The pool finds the server that takes writes, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import StoreUnavailable
from router.metrics import Metrics
from router.postgres.database import Database, connected


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
    await database.execute("test", "insert into secret (name, value) values ('sample', '')")


async def test_one_failed_write_leaves_a_server_that_has_become_read_only(demoted: Database):
    with pytest.raises(StoreUnavailable, match="25006"):
        await write(demoted)
    await write(demoted)


async def test_a_read_only_server_is_a_problem_and_is_left(demoted: Database):
    assert await demoted.problems() == [
        "database: the server is read-only: FRONTDESK_DATABASE_URL should lead to the primary"
    ]
    assert await demoted.problems() == []
    await write(demoted)
