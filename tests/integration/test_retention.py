"""What is kept and what goes, on a real PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest
from structlog.testing import capture_logs

from router.domain.errors import StoreUnavailable
from router.postgres.database import Database
from router.postgres.run import retention
from router.postgres.run.retention import maintain
from tests.making.agents import agents_at_work
from tests.making.builders import RETENTION
from tests.making.tickets import queue_ticket

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def receive(database: Database, *, age: timedelta, count: int = 1) -> None:
    await database.execute(
        "test",
        "insert into received (channel, account, external_id, fingerprint, received_at, outcome)"
        " select 'sms', 'desk', $1::text || n, '', $2, 'ticket' from generate_series(1, $3::integer) n",
        f"{age}/",
        NOW - age,
        count,
    )


async def add_event(database: Database, at: datetime) -> None:
    await database.execute(
        "test", "insert into ticket_event (ticket_id, at, kind, state, actor) values (1, $1, 'x', 'new', 'test')", at
    )


async def add_partition(database: Database, table: str, month: str, until: str) -> str:
    name = f"{table}_{month[:7].replace('-', '_')}"
    await database.execute(
        "test", f"create table {name} partition of {table} for values from ('{month}T00:00Z') to ('{until}T00:00Z')"
    )
    return name


async def count(database: Database, table: str) -> int:
    return (await database.fetch("test", f"select count(*) from {table}"))[0]["count"]


def test_every_table_with_an_age_has_its_statement():
    statements = {name.removeprefix("prune_") for name in retention.SQL if name.startswith("prune_")}
    assert statements == RETENTION.of_rows.keys(), (
        "each table of Retention.of_rows needs a statement prune_<table> in router/postgres/sql/run/retention.sql"
    )


async def test_a_fresh_database_needs_nothing(database: Database):
    done = await maintain(database, RETENTION)
    assert (done.made, done.dropped, done.pruned) == ((), (), {})


async def test_missing_partitions_are_made_ahead(database: Database):
    (newest,) = (
        await database.fetch("test", "select max(relname) from pg_class where relkind = 'r' and relname ~ '^message_2'")
    )[0]
    await database.execute("test", f"drop table {newest}")
    assert (await maintain(database, RETENTION)).made == (newest,)


@pytest.mark.parametrize("table", ["message", "payload", "ticket_event"])
async def test_a_month_goes_once_all_of_it_is_too_old(database: Database, table: str):
    old = await add_partition(database, table, "2020-03-01", "2020-04-01")
    kept = await add_partition(database, table, "2020-04-01", "2020-05-01")
    age = NOW - datetime(2020, 4, 1, tzinfo=UTC) - timedelta(seconds=1)  # measured again a moment later
    done = await maintain(database, replace(RETENTION, messages=age, raw=age, events=age))
    assert done.dropped == (old,)
    assert await count(database, kept) == 0


async def test_a_round_that_deletes_says_what_and_one_that_does_nothing_is_silent(database: Database):
    await maintain(database, RETENTION)
    old = await add_partition(database, "payload", "2020-03-01", "2020-04-01")
    await receive(database, age=91 * DAY, count=3)
    with capture_logs() as logs:
        await maintain(database, RETENTION)
        await maintain(database, RETENTION)
    assert [(line["event"], line["dropped"], line["pruned"]) for line in logs] == [
        ("maintained", (old,), {"received": 3})
    ]


async def test_a_month_that_ends_inside_the_retention_stays(database: Database):
    await add_partition(database, "payload", "2020-03-01", "2020-04-01")
    age = NOW - datetime(2020, 3, 31, tzinfo=UTC)
    assert (await maintain(database, replace(RETENTION, raw=age))).dropped == ()


async def test_old_keys_are_forgotten_and_young_ones_kept(database: Database):
    await receive(database, age=91 * DAY, count=3)
    await receive(database, age=89 * DAY, count=2)
    assert (await maintain(database, RETENTION)).pruned == {"received": 3}
    assert await count(database, "received") == 2


async def test_many_old_keys_go_in_several_transactions(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "BLOCKS_AT_ONCE", 1)
    await receive(database, age=91 * DAY, count=500)
    await receive(database, age=1 * DAY, count=500)
    assert (await maintain(database, RETENTION)).pruned == {"received": 500}
    assert await count(database, "received") == 500


async def test_a_worker_whose_clock_is_ahead_forgets_nothing(database: Database, monkeypatch: pytest.MonkeyPatch):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + 10_000 * DAY

    monkeypatch.setattr(retention, "datetime", Ahead, raising=False)
    await receive(database, age=1 * DAY)
    await add_event(database, NOW)
    done = await maintain(database, RETENTION)
    assert (done.dropped, done.pruned) == ((), {})


async def test_each_table_has_its_own_retention(database: Database):
    for days in (0, 2, 8, 91):
        await database.execute(
            "test", "insert into attempt (hash, started, last_at) values ($1, 1, $2)", b"%d" % days, NOW - days * DAY
        )
        await database.execute(
            "test",
            "insert into unprocessable (at, stage, reason, detail, format, body, hash)"
            " values ($1, 'parse', 'malformed', '', 'message.v1', '', $2)",
            NOW - days * DAY,
            b"%d" % days,
        )
    for days in (729, 731):
        audit = "insert into audit (at, actor, action, subject) values ($1, 'cli', 'agent.create', 'agent:Ada')"
        await database.execute("test", audit, NOW - days * DAY)
    assert (await maintain(database, RETENTION)).pruned == {"attempt": 3, "unprocessable": 1, "audit": 1}


async def test_refusals_are_kept_as_long_as_the_history_that_tells_of_them(database: Database):
    ticket_id = await queue_ticket(database)
    for agent, days in zip(await agents_at_work(database, 2), (729, 731), strict=True):
        refusal = "insert into refusal (ticket_id, agent_id, enqueued_at, at, kind) values ($1, $2, $3, $3, 'declined')"
        await database.execute("test", refusal, ticket_id, agent.id, NOW - days * DAY)
    assert (await maintain(database, RETENTION)).pruned == {"refusal": 1}


async def test_unfetched_replies_go_and_waiting_messages_never(database: Database):
    for exchange in ("frontdesk.inbound", "frontdesk.outbound"):
        await database.execute(
            "test",
            "insert into bus_delivery (exchange, routing_key, format, body, published_at)"
            " values ($1, 'x', 'x', '', $2)",
            exchange,
            NOW - 1000 * DAY,
        )
    assert (await maintain(database, RETENTION)).pruned == {"bus_delivery": 1}
    assert (await database.fetch("test", "select exchange from bus_delivery"))[0]["exchange"] == "frontdesk.inbound"


async def test_rows_that_found_no_partition_hinder_nothing_and_go_when_old(database: Database):
    ahead = NOW + 62 * DAY
    partition = f"ticket_event_{ahead:%Y_%m}"
    await database.execute("test", f"drop table {partition}")
    await add_event(database, ahead)
    await add_event(database, NOW - 1000 * DAY)
    done = await maintain(database, RETENTION)
    assert (done.made, done.pruned) == ((), {"ticket_event_default": 1})
    assert await count(database, "ticket_event") == 1


async def test_processes_may_maintain_at_the_same_time(database: Database):
    await add_partition(database, "payload", "2020-03-01", "2020-04-01")
    await database.execute("test", f"drop table payload_{NOW:%Y_%m}")
    rounds = await asyncio.gather(*(maintain(database, RETENTION) for _ in range(3)))
    assert sorted(name for done in rounds for name in done.dropped) == ["payload_2020_03"]
    assert [name for done in rounds for name in done.made] == [f"payload_{NOW:%Y_%m}"]


async def test_a_long_read_is_not_waited_for(database: Database):
    old = await add_partition(database, "payload", "2020-03-01", "2020-04-01")
    async with database.transaction("test") as reader:
        await reader.fetch("select from payload")
        with pytest.raises(StoreUnavailable):
            await maintain(database, RETENTION)
    assert (await maintain(database, RETENTION)).dropped == (old,)
