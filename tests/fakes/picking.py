"""Picking in memory: passes the contract of picking stores."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from router.domain.actor import Actor, Viewer
from router.domain.agent import Agent, Lease, Role
from router.domain.eligibility import Standing
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketNow, TicketState
from router.flow.assign.claims import Assignment
from router.flow.assign.picking import After
from router.flow.see.tickets import TicketLine
from router.policy.model import AssignmentRules
from tests.fakes.moves import FakeTicketRows
from tests.fakes.standings import standing
from tests.fakes.tables import FakeDatabase, TicketRow


class FakePicking:
    """Implements `router.flow.assign.picking.PickingStore`."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["FakePickingWork"]:
        async with self._database.transaction():
            yield FakePickingWork(self._database)

    async def waiting(self, viewer: Viewer, queue: str, *, after: After | None, limit: int) -> Sequence[TicketLine]:
        rows = [
            row
            for row in self._database.tables.tickets.values()
            if row.state is TicketState.QUEUED
            and row.requirement.queue == queue
            and viewer.has(row.team)
            and row.wait.reserved_for in {None, viewer.agent_id}
            and (after is None or (row.wait.due_at, row.id) > (after.due_at, after.ticket_id))
        ]
        rows.sort(key=lambda row: (row.wait.due_at, row.id))
        return [_line(row) for row in rows[:limit]]


class FakePickingWork(FakeTicketRows):
    """Implements `router.flow.assign.picking.PickingWork`."""

    async def standing(self, agent: Agent, ticket: TicketNow, rules: AssignmentRules) -> Standing:
        row = self._tables.agents[agent.id]
        return standing(self._tables, row, ticket.id, ticket.wait.enqueued_at, rules.capacity)

    async def take(self, agent: Agent, ticket: TicketNow, policy_version: str) -> Assignment:
        row, now = self._guarded(ticket), self._tables.now
        taken = replace(
            row.waits_again(row.wait._replace(reserved_for=None, reserved_until=None)),
            state=TicketState.ASSIGNED,
            assigned_to=agent.id,
            assigned_at=now,
            epoch=row.epoch + 1,
        )
        by = Actor(role=Role.AGENT, agent=agent)
        self._tables.tell(taken, HistoryKind.ACCEPT, by, reason=HistoryReason.PICKED)
        return Assignment(
            agent_id=agent.id,
            lease=Lease(taken.id, taken.epoch),
            queue=taken.requirement.queue,
            channel=taken.requirement.channel,
            waited_s=(now - row.wait.enqueued_at).total_seconds(),
            met_target=now <= row.wait.due_at,
        )


def _line(row: TicketRow) -> TicketLine:
    return TicketLine(
        id=row.id,
        customer_id=row.customer_id,
        channel=row.requirement.channel,
        subject=row.subject,
        state=row.state,
        queue=row.requirement.queue,
        team=row.team,
        complexity=row.complexity,
        enqueued_at=row.wait.enqueued_at,
        due_at=row.wait.due_at,
        assigned_to=row.assigned_to,
        created_at=row.created_at,
        resolved_at=row.resolved_at,
    )
