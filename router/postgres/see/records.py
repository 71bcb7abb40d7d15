"""What is on record about a ticket, from PostgreSQL. Row-level security and the team filter both apply to people."""

import json

import asyncpg
from pydantic import TypeAdapter

from channels.message import Channel
from router.domain.actor import Viewer
from router.domain.triage import Complexity, Reason
from router.flow.see.pages import Happening
from router.flow.see.records import Records, Said, agents_in, messages_in, versions_in
from router.postgres.database import Database
from router.postgres.eyes import eyes, listed
from router.postgres.see.reading import happenings
from router.postgres.statements import load

SQL = load("see/records")
_REASONS = TypeAdapter(tuple[Reason, ...])


class PostgresRecords:
    """Implements `router.flow.see.records.RecordStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def records(self, viewer: Viewer, ticket_id: int) -> Records | None:
        async with eyes(self._database, viewer) as connection:
            row = await connection.fetchrow(SQL["ticket"], ticket_id, listed(viewer.teams))
            if row is None:
                return None
            events = await happenings(connection, viewer, ticket_id)
            said = await connection.fetch(SQL["said"], list(messages_in(events)))
            names = await connection.fetch(SQL["names"], list(agents_in(events)))
        return Records(
            customer_id=row["customer_id"],
            customer_name=row["customer_name"],
            complexity=Complexity(row["complexity"]),
            reasons=_REASONS.validate_json(row["reasons"]),
            events=events,
            names=dict(map(tuple, names)),
            said={each["id"]: _said(each) for each in said},
            policies=await self._policies(events),
        )

    async def _policies(self, events: list[Happening]) -> dict[str, str]:
        """The policy belongs to no team, so row-level security grants people no rows of it."""
        rows = await self._database.fetch("reading", SQL["policies"], list(versions_in(events)))
        return dict(map(tuple, rows))


def _said(row: asyncpg.Record) -> Said:
    return Said(**{**row, "channel": Channel(row["channel"]), "attributes": json.loads(row["attributes"])})
