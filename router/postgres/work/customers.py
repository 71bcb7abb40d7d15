"""What an operator does to a customer: block, unblock, set the tier, erase."""

from collections.abc import Collection
from dataclasses import dataclass

from router.domain.actor import Actor
from router.domain.customer import ContactOutcome, CustomerId
from router.domain.errors import NotFound
from router.domain.history import HistoryKind
from router.domain.ticket import TicketState
from router.flow.run.transitions import Turned
from router.flow.work.erasure import Erased
from router.postgres import audit, hints
from router.postgres.database import Connection, Database
from router.postgres.statements import load
from router.postgres.work.moves import PostgresMoves
from router.postgres.work.traces import trace

SQL = load("work/customers")

ERASURE_S = 1800.0
"""How long one statement of an erasure may take; some read whole tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footprint:
    """What leads to all data about a customer: handles' keys, patterns that find addresses in bytes, messages."""

    keys: list[str]
    traces: list[str]
    messages: set[int]


class PostgresCustomers:
    """Changes to customers. All raise `NotFound` for an unknown customer, and are recorded with who made them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, customer_id: CustomerId) -> None:
        """Raise `NotFound` if there is no such customer."""
        if not await self._database.fetch("customers", SQL["customer"], customer_id):
            raise _not_found(customer_id)

    async def set_blocked(self, by: Actor, customer_id: CustomerId, *, blocked: bool) -> None:
        """Block or unblock: a blocked customer's messages are kept but make no tickets."""
        action = "customer.block" if blocked else "customer.unblock"
        await self._change(by, customer_id, action, "set_blocked", blocked)

    async def set_tier(self, by: Actor, customer_id: CustomerId, tier: str | None) -> None:
        """Set the customer's tier, or return to the tier that their addresses give."""
        await self._change(by, customer_id, "customer.tier", "set_tier", tier)

    async def _change(self, by: Actor, customer_id: CustomerId, action: str, statement: str, value: object) -> None:
        """Record the old value of the one field that the statement sets and returns."""
        async with self._database.transaction("customers") as connection:
            before = await connection.fetchrow(SQL[statement], customer_id, value)
            if before is None:
                raise _not_found(customer_id)
            changes = {field: (was, value) for field, was in before.items()}
            await audit.note(connection, by=by, action=action, subject=f"customer:{customer_id}", data=changes)

    async def erase(self, by: Actor, customer_id: CustomerId) -> Erased:
        """Remove words, addresses, raw bytes and attachments everywhere, and end open tickets; ids and times stay.

        Data that only a scan of whole tables finds goes first, while intake continues. The rest is found by index, in
        one transaction. The handles go last, so that an interrupted erasure can be repeated.
        """
        async with self._database.transaction("erasure") as connection:
            before = await _footprint(connection, customer_id)
        await self._erase_slowly(customer_id, before, before.messages)
        async with self._database.transaction("erasure") as connection:
            await connection.execute(SQL["allow_long"])
            after, erased = await _erase_by_index(connection, by, customer_id)
            subject, counts = f"customer:{customer_id}", {"handles": erased.handles, "messages": erased.messages}
            await audit.note(connection, by=by, action="customer.erase", subject=subject, data=counts)
        if meanwhile := after.messages - before.messages:
            await self._erase_slowly(customer_id, after, meanwhile)
        return erased

    async def _erase_slowly(self, customer_id: CustomerId, found: _Footprint, messages: Collection[int]) -> None:
        """Erase each table in its own transaction, without the customer's lock."""
        await self._execute_long("erase_payloads", list(messages), found.traces)
        await self._execute_long("erase_unprocessable", found.traces)
        await self._execute_long("erase_bus", found.traces)
        await self._execute_long("leave_conversations", found.keys, customer_id)

    async def _execute_long(self, statement: str, *arguments: object) -> None:
        async with self._database.transaction("erasure") as connection:
            await connection.execute(SQL["allow_long"])
            await connection.execute(SQL[statement], *arguments, timeout=ERASURE_S)


async def _footprint(connection: Connection, customer_id: CustomerId) -> _Footprint:
    """Lock the customer and find their data, all of it by index."""
    if not await connection.fetch(SQL["lock_customer"], customer_id):
        raise _not_found(customer_id)
    handles = await connection.fetch(SQL["handles_of"], customer_id)
    keys = [row["key"] for row in handles]
    messages = await connection.fetch(SQL["messages_of"], customer_id, keys, timeout=ERASURE_S)
    return _Footprint(
        keys=keys,
        traces=[trace(row["kind"], row["value"]) for row in handles],
        messages={row["id"] for row in messages},
    )


async def _erase_by_index(connection: Connection, by: Actor, customer_id: CustomerId) -> tuple[_Footprint, Erased]:
    """Erase what the index finds; shared rows go in the order of locks: customer, conversations, tickets."""
    found = await _footprint(connection, customer_id)
    await connection.execute(SQL["erase_conversations"], customer_id, timeout=ERASURE_S)
    ended = await _end_tickets(connection, by, customer_id)
    for statement in ("erase_references", "erase_outbox"):
        await connection.execute(SQL[statement], customer_id, timeout=ERASURE_S)
    for statement in ("forget_hashes", "forget_message_ids", "forget_taken_ids"):
        await connection.execute(SQL[statement], list(found.messages), timeout=ERASURE_S)
    messages = await connection.fetch(SQL["erase_messages"], list(found.messages), timeout=ERASURE_S)
    for statement in ("erase_handles", "erase_customer"):
        await connection.execute(SQL[statement], customer_id, timeout=ERASURE_S)
    return found, Erased(handles=len(found.keys), messages=len(messages), ended=ended)


async def _end_tickets(connection: Connection, by: Actor, customer_id: CustomerId) -> list[Turned]:
    moves = PostgresMoves(connection)
    customer = await moves.lock_customer(customer_id)
    rows = await connection.fetch(SQL["erase_tickets"], customer_id, str(by), timeout=ERASURE_S)
    ended = [Turned(row["id"], TicketState(row["was"]), row["agent_id"], row["queue"], row["channel"]) for row in rows]
    for ticket in ended:
        customer = customer.with_outcome(ticket.id, ContactOutcome.RESOLVED)
    await moves.remember(customer)
    await hints.after(connection, HistoryKind.RESOLVE, *ended)
    return ended


def _not_found(customer_id: CustomerId) -> NotFound:
    return NotFound(f"There is no customer {customer_id}.")
