"""What a batch does while others have what it needs: it takes its locks in order, and reads what they leave."""

import asyncio

import pytest

from router.domain.errors import StoreUnavailable
from router.domain.ticket import TicketState
from router.flow.intake.receive import Wanted
from router.flow.intake.world import Found
from router.postgres.database import Database
from router.postgres.intake.receive import PostgresIntake
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_conversation, a_customer, a_ticket
from tests.watching.waiting import waiting_for_locks

ADAS = Wanted(
    messages=1,
    keys=frozenset(),
    handles=frozenset({ADA.key}),
    tokened=frozenset(),
    threads=frozenset(),
    references=frozenset(),
    ticket_numbers=frozenset(),
)
HOLD = "select from {} where id = $1 for no key update"
CLAIM = """
    update ticket
    set state = 'assigned', assigned_to = $2, lease_epoch = lease_epoch + 1, assigned_at = clock_timestamp()
    where id = $1"""
JOIN = "update conversation set participants = '{email:bob@example.com}' where id = $1"


async def load(database: Database) -> Found:
    async with PostgresIntake(database).transaction(ADAS) as transaction:
        return transaction.found


async def test_batch_reads_what_those_leave_whom_it_waited_for(database: Database):
    grace = await an_agent(database)
    lease = await a_ticket(database, customer_id=await a_customer(database, ADA), channel="sms")
    conversation_id = await a_conversation(database, lease, channel="sms")
    async with database.transaction("test") as other:
        await other.execute(JOIN, conversation_id)
        await other.execute(CLAIM, lease.ticket_id, grace.id)
        loading = asyncio.create_task(load(database))
        await waiting_for_locks(database)
        left_at = await other.fetchval("select clock_timestamp()")
    found = await loading
    [conversation], [ticket] = found.conversations, found.tickets
    assert conversation.participants == {"email:bob@example.com"}
    assert (ticket.state, ticket.assigned_to) == (TicketState.ASSIGNED, grace.id)
    assert found.now > left_at


@pytest.mark.parametrize("place", range(5))
async def test_batch_locks_customers_then_conversations_then_tickets_each_by_id(database: Database, place: int):
    ada = await a_customer(database, ADA)
    leases = [await a_ticket(database, customer_id=ada) for _ in range(2)]
    conversations = [
        await a_conversation(database, lease, channel="sms", account=f"sms-{number}")
        for number, lease in enumerate(reversed(leases))
    ]
    order = [
        ("customer", ada),
        *(("conversation", id_) for id_ in conversations),
        *(("ticket", lease.ticket_id) for lease in leases),
    ]
    table, id_ = order[place]
    async with database.transaction("test") as other:
        await other.execute(HOLD.format(table), id_)
        loading = asyncio.create_task(load(database))
        await waiting_for_locks(database)
        locked = [await is_locked(database, *row) for row in order]
    await loading
    assert locked == [number <= place for number in range(len(order))]


async def is_locked(database: Database, table: str, id_: int) -> bool:
    try:
        await database.execute("test", f"{HOLD.format(table)} nowait", id_)
    except StoreUnavailable:
        return True
    return False
