"""What an operator does to a customer: block, unblock, erase."""

from dataclasses import dataclass

from router.domain.customer import CustomerId
from router.domain.errors import NotFound
from router.postgres.database import Connection, Database
from router.postgres.statements import load
from router.postgres.traces import trace

SQL = load("customers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much an erasure removed."""

    handles: int
    messages: int


class PostgresCustomers:
    """All raise `NotFound` for a customer that does not exist."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_blocked(self, customer_id: CustomerId, *, blocked: bool) -> None:
        """Block or unblock: what a blocked customer writes is kept and becomes no ticket."""
        if not await self._database.fetch("customers", SQL["set_blocked"], customer_id, blocked):
            raise _not_found(customer_id)

    async def erase(self, customer_id: CustomerId) -> Erased:
        """Remove words, addresses, raw bytes and attachments everywhere, in one transaction; ids and times stay."""
        async with self._database.transaction("erasure") as connection:
            await connection.execute(SQL["allow_long"])
            if not await connection.fetch(SQL["lock_customer"], customer_id):
                raise _not_found(customer_id)
            handles = await connection.fetch(SQL["handles_of"], customer_id)
            keys = [row["key"] for row in handles]
            traces = [trace(row["kind"], row["value"]) for row in handles]
            messages = await _erase_messages(connection, customer_id, keys)
            for statement in ("erase_references", "erase_outbox", "erase_conversations", "erase_tickets"):
                await connection.execute(SQL[statement], customer_id)
            await connection.execute(SQL["leave_conversations"], keys)
            for statement in ("erase_unprocessable", "erase_bus"):
                await connection.execute(SQL[statement], traces)
            await connection.execute(SQL["erase_handles"], customer_id)
            await connection.execute(SQL["erase_customer"], customer_id)
        return Erased(handles=len(handles), messages=messages)


async def _erase_messages(connection: Connection, customer_id: CustomerId, keys: list[str]) -> int:
    tickets = [row["id"] for row in await connection.fetch(SQL["tickets_of"], customer_id)]
    erased = await connection.fetch(SQL["erase_messages"], customer_id, tickets, keys)
    await connection.execute(SQL["erase_payloads"], [row["id"] for row in erased])
    return len(erased)


def _not_found(customer_id: CustomerId) -> NotFound:
    return NotFound(f"There is no customer {customer_id}.")
