"""Waiting for other transactions to wait."""

import asyncio

from router.postgres.database import Database


async def waiting_for_locks(database: Database, *, count: int = 1) -> None:
    """Return once so many transactions of this database wait for another one."""
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while (await database.fetch("test", waiting))[0]["count"] < count:
            await asyncio.sleep(0.01)
