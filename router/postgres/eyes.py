"""Read-only transactions on behalf of a viewer: row-level security limits what a person sees."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router.domain.actor import Teams, Viewer
from router.postgres.database import Connection, Database
from router.postgres.statements import load

SQL = load("eyes")


@asynccontextmanager
async def eyes(database: Database, viewer: Viewer) -> AsyncIterator[Connection]:
    """Yield a read-only transaction that sees what the viewer may see."""
    async with database.transaction("reading", read_only=True) as connection:
        if viewer.agent_id is not None:
            await connection.execute(SQL["become_agent"], str(viewer.agent_id))
        yield connection


def listed(teams: Teams) -> list[str] | None:
    """Return the teams as a statement's argument; None means every team."""
    return None if teams is None else list(teams)
