"""Cherry-picking in PostgreSQL: reads what waits in a queue, and takes a ticket under the agent's lock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from router.domain.actor import Viewer
from router.domain.agent import Agent, Lease
from router.domain.eligibility import Standing
from router.domain.ticket import TicketNow
from router.flow.assign.claims import Assignment
from router.flow.assign.picking import After
from router.flow.see.tickets import TicketLine
from router.policy.model import AssignmentRules
from router.postgres.assign.standings import standings
from router.postgres.database import Database
from router.postgres.eyes import eyes, listed
from router.postgres.see.pages import ticket_line
from router.postgres.statements import load
from router.postgres.ticket_rows import TicketRows, guard

SQL = load("assign/picking")


class PostgresPicking:
    """Implements `router.flow.assign.picking.PickingStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["PostgresPickingWork"]:
        async with self._database.transaction("picking") as connection:
            yield PostgresPickingWork(connection)

    async def waiting(self, viewer: Viewer, queue: str, *, after: After | None, limit: int) -> Sequence[TicketLine]:
        place = (after.due_at, after.ticket_id) if after else (None, None)
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["waiting"], queue, listed(viewer.teams), *place, limit, viewer.agent_id)
        return [ticket_line(row, viewer) for row in rows]


class PostgresPickingWork(TicketRows):
    """One transaction in which an agent takes a ticket of their choice; the agent's row is locked."""

    async def standing(self, agent: Agent, ticket: TicketNow, rules: AssignmentRules) -> Standing:
        wait = ticket.wait
        [standing] = await standings(
            self._connection,
            ticket.id,
            team=wait.requirement.team,
            enqueued_at=wait.enqueued_at,
            usual=rules.capacity,
            also=agent.id,
            only=agent.id,
        )
        return standing

    async def take(self, agent: Agent, ticket: TicketNow, policy_version: str) -> Assignment:
        row = await self._guarded(SQL["take"], *guard(ticket), agent.id, policy_version)
        return Assignment(
            agent_id=agent.id,
            lease=Lease(row["id"], row["lease_epoch"]),
            queue=row["queue"],
            channel=row["channel"],
            waited_s=row["waited_s"],
            met_target=row["met_target"],
        )
