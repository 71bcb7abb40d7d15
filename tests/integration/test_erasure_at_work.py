"""Erasing a customer in a large database that is at work: by index, without stopping others, however long it takes."""

import asyncio
from hashlib import sha256

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import OPERATOR
from router.domain.customer import CustomerId
from router.metrics import Metrics
from router.postgres import database as adapter
from router.postgres.database import Database, connected
from router.postgres.work.customers import SQL, PostgresCustomers
from tests.making.builders import ADA, a_conversation, a_message, a_ticket
from tests.watching.waiting import waiting_for_locks

LOCK_AT_ONCE = "select from customer where id = $1 for no key update nowait"
RECEIVE = """
    insert into received (channel, account, external_id, fingerprint, received_at, outcome, message_id)
    values ('email', 'support@acme.example', $1, '', now(), 'queued', $2)"""
TAKE_IN_AGAIN = RECEIVE.replace("received (", "namesake (")
SLOW = """
    create function take_a_while() returns trigger language plpgsql as $$
    begin
      perform pg_sleep(1);
      return new;
    end $$;
    create trigger slow before update on message for each row execute function take_a_while()"""


async def test_customer_is_free_for_intake_while_whole_tables_are_read(database: Database, ada: CustomerId):
    async with database.transaction("test") as other:
        await other.execute("lock table unprocessable in share mode")
        erasing = asyncio.create_task(PostgresCustomers(database).erase(OPERATOR, ada))
        await waiting_for_locks(database)
        await other.fetch(LOCK_AT_ONCE, ada)
    assert (await erasing).handles == 1


async def test_an_erasure_outlasts_the_deadline_of_other_statements(
    database_url: str, ada: CustomerId, database: Database, monkeypatch: pytest.MonkeyPatch
):
    await a_message(database, await a_conversation(database, await a_ticket(database, customer_id=ada)))
    await database.execute("test", SLOW)
    monkeypatch.setattr(adapter, "STATEMENT_S", 0.5)
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="hasty") as hasty:
        assert (await PostgresCustomers(hasty).erase(OPERATOR, ada)).messages == 1


async def test_what_a_customer_wrote_is_found_by_index(database: Database, ada: CustomerId):
    async with database.transaction("test") as connection:
        plan = await connection.fetch(f"explain {SQL['messages_of']}", ada, [ADA.key])
    assert [line for (line,) in plan if "Seq Scan" in line] == []


async def test_what_a_customer_wrote_in_the_ticket_of_another_goes(database: Database, ada: CustomerId):
    theirs = await a_ticket(database)
    await a_message(database, await a_conversation(database, theirs), "I am Ada.")
    assert (await PostgresCustomers(database).erase(OPERATOR, ada)).messages == 1
    [row] = await database.fetch("test", "select text, author from message")
    assert tuple(row) == ("", "erased")


async def test_a_second_erasure_counts_nothing_that_was_erased_before(database: Database, ada: CustomerId):
    await a_message(database, await a_conversation(database, await a_ticket(database, customer_id=ada)))
    first, second = [await PostgresCustomers(database).erase(OPERATOR, ada) for _ in range(2)]
    assert (first.handles, first.messages, len(first.ended)) == (1, 1, 1)
    assert (second.handles, second.messages, second.ended) == (0, 0, [])


async def test_message_ids_are_kept_as_hashes(database: Database, ada: CustomerId):
    conversation = await a_conversation(database, await a_ticket(database, customer_id=ada))
    for external_id in ("ada.1@mail.example", "sha256:00"):
        message_id = await a_message(database, conversation, external_id=external_id)
        await database.execute("test", RECEIVE, external_id, message_id)
    await database.execute("test", RECEIVE, "grace.1@mail.example", None)
    await PostgresCustomers(database).erase(OPERATOR, ada)
    kept = {row["external_id"] for row in await database.fetch("test", "select external_id from received")}
    assert {"grace.1@mail.example", "sha256:00"} < kept
    assert len(kept) == 3
    assert not any("ada" in external_id for external_id in kept)


async def test_an_erasure_forgets_the_ids_of_its_own_messages_alone(database: Database, ada: CustomerId):
    """Another customer's message has the same id, and this is the second erasure of one that came again."""
    theirs = await a_message(database, await a_conversation(database, await a_ticket(database)), external_id="one")
    await database.execute("test", "update message set author = 'email:bob@example.com'")
    mine = await a_conversation(database, await a_ticket(database, customer_id=ada))
    await database.execute("test", RECEIVE, "one", theirs)
    await database.execute("test", TAKE_IN_AGAIN, "one", await a_message(database, mine, external_id="one"))
    for external_id in ("two", f"sha256:{sha256(b'two').hexdigest()}"):
        await database.execute("test", RECEIVE, external_id, await a_message(database, mine, external_id="two"))
    await PostgresCustomers(database).erase(OPERATOR, ada)
    [kept] = await database.fetch("test", "select count(*) from received where external_id = 'one'")
    [taken] = await database.fetch("test", "select external_id from namesake")
    assert (kept["count"], taken["external_id"]) == (1, f"sha256:{sha256(b'one').hexdigest()}")
