"""The audit trail: changes to everything but tickets. The caller brings the transaction."""

import json
from collections.abc import Mapping, Sequence

from router.domain.actor import Actor, Viewer
from router.flow.see.audit import AuditLine
from router.postgres.database import Connection, Database
from router.postgres.eyes import eyes, listed
from router.postgres.statements import load

SQL = load("audit")


async def note(
    connection: Connection, *, by: Actor, action: str, subject: str, data: Mapping[str, object] | None = None
) -> None:
    """Record one change in the transaction that makes it; `flow.see.audit.AuditLine` explains the fields."""
    await connection.execute(SQL["note"], str(by), action, subject, json.dumps(data or {}))


class PostgresAudit:
    """Implements `router.flow.see.audit.AuditTrail`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes(
        self, viewer: Viewer, *, subject: str | None, before: int | None, limit: int
    ) -> Sequence[AuditLine]:
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["changes"], listed(viewer.teams), subject, before, limit)
        return [AuditLine(**{**row, "data": json.loads(row["data"])}) for row in rows]
