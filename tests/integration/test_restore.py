"""A dump restored into a server that has never seen Frontdesk, by the steps of docs/operations.md."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import mkdtemp

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import Viewer
from router.domain.errors import Misconfigured
from router.local.installation import installed
from router.local.postgres import EmbeddedPostgres
from router.metrics import Metrics
from router.postgres.database import connected
from router.postgres.migrate import migrate, require_current
from router.postgres.see.reading import PostgresReading
from tests.making.agents import an_agent
from tests.making.builders import a_ticket

POLICIES = "select policyname, tablename, qual from pg_policies order by 1, 2"
GRANTS = """
select table_name, privilege_type from information_schema.role_table_grants
where grantee = 'frontdesk_agent' order by 1, 2"""


@pytest.fixture
async def servers() -> AsyncIterator[tuple[str, str]]:
    """Two servers of their own: the first with Frontdesk's schema, the second empty."""
    folder = Path(mkdtemp(prefix="frontdesk-restore-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(EmbeddedPostgres(folder / name)) for name in ("first", "second")
            ]
            await migrate(first.dsn)
            yield first.dsn, second.dsn
    finally:
        shutil.rmtree(folder)


async def see(dsn: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def program(name: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """What one of the wheel's programs writes."""
    done = subprocess.run(
        [os.fspath(installed().program(name)), *arguments], input=stdin, capture_output=True, check=False, timeout=120
    )
    return done.stdout


@pytest.mark.parametrize("has_role", [False, True], ids=["nothing prepared", "role made first"])
async def test_migrate_makes_what_a_dump_does_not_carry(servers: tuple[str, str], has_role: bool):
    old, new = servers
    async with connected(old, Metrics(CollectorRegistry()), size=2, name="test") as database:
        agent, ticket = await an_agent(database), await a_ticket(database)
    if has_role:
        connection = await asyncpg.connect(new)
        await connection.execute("create role frontdesk_agent nologin")
        await connection.close()
    dump = program("pg_dump", "--no-owner", "--format=custom", f"--dbname={old}")
    program("pg_restore", "--no-owner", f"--dbname={new}", stdin=dump)

    async with connected(new, Metrics(CollectorRegistry()), size=2, name="test") as database:
        if not has_role:
            with pytest.raises(Misconfigured, match=r"lacks the role frontdesk_agent.*`frontdesk migrate`"):
                await require_current(database)
        made = await migrate(new)
        assert (made != []) is not has_role
        assert await migrate(new) == []
        await require_current(database)
        for what in (POLICIES, GRANTS):
            assert await see(new, what) == await see(old, what)
        page = await PostgresReading(database).ticket(Viewer(agent_id=agent.id, teams=agent.teams), ticket.ticket_id)
        assert page


async def test_a_database_that_lost_a_policy_is_not_ready_until_it_is_migrated(database_url: str):
    async with connected(database_url, Metrics(CollectorRegistry()), size=2, name="test") as database:
        await require_current(database)
        await database.execute("test", "drop policy tickets_of_own_teams on ticket")
        with pytest.raises(Misconfigured, match="lacks the policy tickets_of_own_teams, as after a restore"):
            await require_current(database)
        assert await migrate(database_url) == ["the policy tickets_of_own_teams"]
        await require_current(database)
