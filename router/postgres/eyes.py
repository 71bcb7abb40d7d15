"""Whose eyes a transaction reads with: a person's are bound by row-level security. Leaves statements to the stores."""

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
    """The teams as an argument; None is every team."""
    return None if teams is None else list(teams)
