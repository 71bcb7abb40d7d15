"""Held messages in PostgreSQL, and the transaction that releases one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from router.domain.actor import Actor
from router.flow.intake.held import Freed, HeldMessage, HeldSearch
from router.flow.intake.receive import Wanted
from router.flow.run.bus import Delivery
from router.postgres import audit
from router.postgres.database import Database
from router.postgres.intake.receive import PostgresIntake, PostgresIntakeTransaction
from router.postgres.statements import load

SQL = load("intake/held")


class PostgresHeld:
    """Implements `router.flow.intake.held.HeldStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._intake = PostgresIntake(database)

    async def newest(self, wanted: HeldSearch) -> Sequence[HeldMessage]:
        rows = await self._database.fetch("held", SQL["newest"], wanted.limit, wanted.before, wanted.reason)
        return [HeldMessage(**row) for row in rows]

    async def counts(self) -> Mapping[str, int]:
        return {row["reason"]: row["held"] for row in await self._database.fetch("held", SQL["counts"])}

    async def one(self, id_: int) -> HeldMessage | None:
        rows = await self._database.fetch("held", SQL["one"], id_)
        return HeldMessage(**rows[0]) if rows else None

    async def payload(self, id_: int) -> Delivery | None:
        rows = await self._database.fetch("held", SQL["bytes"], id_)
        return Delivery(**rows[0]) if rows else None

    async def freed(self, id_: int) -> Freed | None:
        rows = await self._database.fetch("held", SQL["freed"], id_)
        return Freed(**rows[0]) if rows else None

    @asynccontextmanager
    async def transaction(self, wanted: Wanted) -> AsyncIterator["PostgresRelease"]:
        async with self._intake.transaction(wanted) as transaction:
            yield PostgresRelease(transaction)


class PostgresRelease:
    """Implements `router.flow.intake.held.ReleaseTransaction`."""

    def __init__(self, transaction: PostgresIntakeTransaction) -> None:
        self.found = transaction.found
        self.ids = transaction.ids
        self.record = transaction.record
        self._connection = transaction.connection

    async def take_back(self, held: HeldMessage, by: Actor) -> None:
        await self._connection.execute(SQL["take_back"], *held.key)
        subject, why = f"message:{held.id}", {"reason": held.reason, "channel": held.channel}
        await audit.note(self._connection, by=by, action="message.release", subject=subject, data=why)
