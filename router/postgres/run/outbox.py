"""The outbox in the database. It reserves replies without a cursor, so that it misses none."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from router.flow.run.outbox import OutboxEntry
from router.postgres.database import Connection, Database
from router.postgres.statements import load

SQL = load("run/outbox")


class PostgresOutbox:
    """Implements `router.flow.run.outbox.OutboxStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresOutboxTransaction"]:
        async with self._database.transaction("outbox") as connection:
            yield PostgresOutboxTransaction(connection)


class PostgresOutboxTransaction:
    """Implements `router.flow.run.outbox.OutboxTransaction`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def oldest(self, limit: int) -> Sequence[OutboxEntry]:
        rows = await self._connection.fetch(SQL["oldest_of_each_conversation"], limit)
        return [OutboxEntry(**row) for row in rows]

    async def sent(self, ids: Sequence[int]) -> None:
        if ids:
            await self._connection.execute(SQL["sent"], ids)
