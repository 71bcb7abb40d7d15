"""Stores the pulse of the roles that agents depend on, timed by PostgreSQL's clock."""

from datetime import timedelta

from router.flow.assign.pulse import Attending, Silence
from router.postgres import hints
from router.postgres.database import Database
from router.postgres.statements import load

SQL = load("assign/pulse")


class PostgresPulse:
    """Implements `router.flow.assign.pulse.PulseStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, role: Attending, grace: timedelta) -> Silence | None:
        """See `PulseStore.beat`; the streams show the new ends at once."""
        over = await self._database.fetch("pulse", SQL["beat"], role, grace)
        if not over:
            return None
        async with self._database.transaction("pulse") as connection:
            await hints.hint(connection, hints.AGENTS)
        [row] = over
        return Silence(since=row["since"], lasted_s=row["lasted_s"])
