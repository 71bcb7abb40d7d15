"""What the processes of one deployment share in PostgreSQL: switches, secrets, duties, policy versions, gauges."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from router.domain.actor import Viewer
from router.domain.errors import NotFound
from router.postgres.database import Database
from router.postgres.run.operations import PostgresOperations
from router.postgres.see.reading import PostgresReading
from tests.making.agents import an_agent
from tests.making.builders import a_conversation, a_ticket


@pytest.fixture
def operations(database: Database) -> PostgresOperations:
    return PostgresOperations(database)


async def test_a_switch_stays_as_it_was_turned(operations: PostgresOperations):
    assert await operations.is_on("intake")
    await operations.turn("intake", on=False)
    await operations.turn("intake", on=False)
    assert not await operations.is_on("intake")
    with pytest.raises(NotFound, match="There is no switch named heating"):
        await operations.is_on("heating")


async def test_processes_that_ask_at_once_get_one_secret(operations: PostgresOperations):
    secrets = await asyncio.gather(*(operations.secret("mail token") for _ in range(4)))
    assert len(set(secrets)) == 1
    assert len(secrets[0]) == 32
    assert await operations.secret("another") != secrets[0]


async def test_one_process_at_a_time_holds_a_duty(operations: PostgresOperations):
    takers = [f"host:{number}" for number in range(4)]
    taken = await asyncio.gather(*(operations.take_duty("gauges", taker, seconds=60) for taker in takers))
    assert taken.count(True) == 1
    holder = takers[taken.index(True)]
    assert await operations.take_duty("gauges", holder, seconds=60)
    await operations.lay_down_duty("gauges", "somebody else")
    assert not await operations.take_duty("gauges", "next", seconds=60)
    await operations.lay_down_duty("gauges", holder)
    assert await operations.take_duty("gauges", "next", seconds=60)


async def test_a_duty_that_is_not_renewed_goes_to_whoever_asks(operations: PostgresOperations):
    assert await operations.take_duty("gauges", "lost", seconds=0)
    assert await operations.take_duty("gauges", "next", seconds=60)


async def test_a_policy_version_keeps_the_text_it_was_first_used_with(
    database: Database, operations: PostgresOperations
):
    for text in ("teams: {}", "something else"):
        await operations.remember_policy("v1", text)
    (kept,) = await database.fetch("test", "select version, text from policy_version")
    assert tuple(kept) == ("v1", "teams: {}")


async def test_gauges_tell_waits_and_what_is_past_its_target(database: Database, operations: PostgresOperations):
    now = datetime.now(UTC)
    for minutes in (30, 90):
        await a_ticket(database, enqueued_at=now - timedelta(minutes=minutes), target=timedelta(hours=1))
    await a_ticket(database, held_by=await an_agent(database))
    (queue, state), = (await operations.queues()).items()  # fmt: skip
    assert (queue, state.waiting, state.overdue) == ("general", 2, 1)
    assert 90 * 60 <= state.longest_wait_s < 91 * 60


async def test_the_outbox_tells_how_old_its_oldest_reply_is(database: Database, operations: PostgresOperations):
    assert (await operations.outbox()).pending == 0
    conversation = await a_conversation(database, await a_ticket(database))
    insert = """
        insert into outbox (conversation_id, routing_key, format, account, message_id, body, created_at)
        values ($1, 'email.reply', 'reply.v1', 'desk', '1', '', now() - $2::interval)"""
    for minutes in (1, 5):
        await database.execute("test", insert, conversation, timedelta(minutes=minutes))
    outbox = await operations.outbox()
    assert outbox.pending == 2
    assert 300 <= outbox.oldest_s < 310


async def test_what_is_reserved_for_an_agent_waits_in_its_queue_like_the_rest(
    database: Database, operations: PostgresOperations
):
    reserved = await a_ticket(database)
    await a_ticket(database)
    await database.execute("test", "update ticket set reserved_for = 7 where id = $1", reserved.ticket_id)
    [load] = await PostgresReading(database).queues(Viewer())
    measured = await operations.queues()
    assert {name: (state.waiting, state.overdue) for name, state in measured.items()} == {"general": (2, 2)}
    assert (load.queue, load.team, load.waiting, load.overdue) == ("general", "frontline", 2, 2)
