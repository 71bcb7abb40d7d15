"""The schema comes up to date from anywhere, once; what grows in it has an end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import FrontdeskError, Misconfigured, StoreUnavailable
from router.metrics import Metrics
from router.postgres.database import connected
from router.postgres.migrate import migrate, require_current
from tests.clients.command_line import FRONTDESK, environment
from tests.conftest import MIGRATIONS
from tests.making.builders import RETENTION
from tests.servers.process import free_port

EVERY = [path.stem for path in sorted(MIGRATIONS.glob("*.sql"))]

# What people and reports ask for years later, and what an administrator makes: small rows without words.
KEPT_FOR_GOOD = {
    "agent", "agent_group", "agent_team", "conversation", "customer", "duty", "handle", "mail_reference",
    "policy_version", "presence", "pulse", "schema_migrations", "secret", "skill_group", "switch", "ticket", "token",
}  # fmt: skip
DELETED_WHEN_DONE = {"outbox"}
DELETED_WITH_ITS_PAYLOAD = {"unprocessable_message"}


async def test_a_fresh_database_gets_every_migration_and_a_second_time_none(empty_database_url: str):
    assert await migrate(empty_database_url, MIGRATIONS) == EVERY
    assert await migrate(empty_database_url, MIGRATIONS) == []


async def test_of_many_processes_at_once_one_applies_the_migrations(empty_database_url: str):
    settings = environment(FRONTDESK_DATABASE_URL=empty_database_url)
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(*FRONTDESK, "migrate", env=settings, stdout=pipe) for _ in range(4)
    ]
    said = [(await process.communicate())[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(said) == ["".join(f"applied {name}\n" for name in EVERY), *["up to date\n"] * 3]


async def test_who_may_make_no_roles_migrates_with_what_was_granted(plain_owner_url: str):
    assert await migrate(plain_owner_url, MIGRATIONS) == EVERY


@pytest.fixture
async def plain_owner_url(server_url: str, database_url: str) -> AsyncIterator[str]:
    """An empty database whose owner has what docs/operations.md asks for; migrating another one has made the role."""
    del database_url
    name, server = f"frontdesk_test_{uuid4().hex[:12]}", urlsplit(server_url)
    administrator = await asyncpg.connect(server_url)
    await administrator.execute(
        f"create role {name} login password 'sample'; grant frontdesk_agent to {name}; "
        f"grant set on parameter app.agent_id to {name}"
    )
    await administrator.execute(f"create database {name} owner {name}")
    yield server._replace(netloc=f"{name}:sample@{server.hostname}:{server.port}", path=f"/{name}").geturl()
    await administrator.execute(f"drop database {name} with (force)")
    await administrator.execute(f"revoke set on parameter app.agent_id from {name}; drop role {name}")
    await administrator.close()


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty_database_url: str, tmp_path: Path):
    (tmp_path / "1_good.sql").write_text("-- migrate:up\ncreate table good ();\n-- migrate:down\n")
    (tmp_path / "2_bad.sql").write_text("-- migrate:up\ncreate table bad ();\nselect nothing;\n-- migrate:down\n")
    with pytest.raises(FrontdeskError, match="nothing"):
        await migrate(empty_database_url, tmp_path)
    (tmp_path / "2_bad.sql").write_text("-- migrate:up\ncreate table bad ();\n-- migrate:down\n")
    assert await migrate(empty_database_url, tmp_path) == ["2_bad"]


async def test_a_file_without_its_marker_is_refused_before_anything_is_applied(empty_database_url: str, tmp_path: Path):
    (tmp_path / "1_good.sql").write_text("-- migrate:up\ncreate table good ();\n")
    (tmp_path / "2_unmarked.sql").write_text("create table unmarked ();\n")
    with pytest.raises(Misconfigured, match=r"2_unmarked\.sql has no line '-- migrate:up'"):
        await migrate(empty_database_url, tmp_path)
    (tmp_path / "2_unmarked.sql").unlink()
    assert await migrate(empty_database_url, tmp_path) == ["1_good"]


async def test_a_program_refuses_a_database_that_lacks_a_migration(empty_database_url: str):
    async with connected(empty_database_url, Metrics(CollectorRegistry()), size=2, name="test") as database:
        with pytest.raises(Misconfigured, match=f"lacks the migrations {', '.join(EVERY)}: run `frontdesk migrate`"):
            await require_current(database)
        await migrate(empty_database_url, MIGRATIONS)
        await require_current(database)


async def test_a_database_that_is_not_there_is_named():
    port = free_port()
    named = rf"FRONTDESK_DATABASE_URL: cannot connect to \S+@127.0.0.1:{port}/desk: "
    with pytest.raises(StoreUnavailable, match=named):
        await migrate(f"postgresql://ada:sample@127.0.0.1:{port}/desk", MIGRATIONS)


async def test_every_table_that_grows_with_the_traffic_has_an_end(database_url: str):
    tables = """
        select relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
          and relname !~ '_[0-9]{4}_[0-9]{2}$'"""
    async with connected(database_url, Metrics(CollectorRegistry()), size=2, name="test") as database:
        found = {row["relname"] for row in await database.fetch("test", tables)}
    ending = DELETED_WHEN_DONE | DELETED_WITH_ITS_PAYLOAD | RETENTION.of_partitions.keys() | RETENTION.of_rows.keys()
    endless = found - KEPT_FOR_GOOD - ending
    assert not endless, f"give {endless} an age in Retention.of_rows, or say here why its rows stay or who deletes them"
    assert found == KEPT_FOR_GOOD | ending


async def test_who_is_known_by_one_spelling_of_a_number_is_found_by_the_other(empty_database_url: str, tmp_path: Path):
    earlier = [path for path in sorted(MIGRATIONS.glob("*.sql")) if path.stem < "0016"]
    for path in earlier:
        (tmp_path / path.name).write_text(path.read_text())
    await migrate(empty_database_url, tmp_path)
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute("""
            insert into customer (id, created_at) select n, now() from generate_series(1, 5) as n;
            insert into handle (key, kind, value, scope, customer_id, verified, created_at)
            select key, split_part(key, ':', 1), key, '', n, true, now()
            from unnest(array[
              'phone:+551199990001', 'phone:+5491155550001', 'user:whatsapp:22507000001', 'phone:+551133330001',
              'phone:+551188880001']) with ordinality as known (key, n);
            insert into handle (key, kind, value, customer_id, verified, created_at)
            values ('phone:+5511988880001', 'phone', '+5511988880001', 4, true, now());
        """)
        await migrate(empty_database_url, MIGRATIONS)
        owners = dict(await connection.fetch("select key, customer_id from handle"))
    finally:
        await connection.close()
    assert len(owners) == 9
    assert owners["phone:+5511999990001"] == owners["phone:+551199990001"] == 1
    assert owners["phone:+541155550001"] == 2
    assert owners["phone:+2250707000001"] == 3
    assert owners["phone:+5511988880001"] == 4  # a person may merge them, a migration does not
