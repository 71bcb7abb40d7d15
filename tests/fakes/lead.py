"""A lead's tools in memory: passes the contract of lead stores."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from router.domain.actor import Actor, Teams, Viewer
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.eligibility import Standing
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.flow.run.transitions import Turned
from router.flow.see.why import Stuck
from router.flow.work.lead import Closable, Ended, Misroute
from router.policy.model import AssignmentRules
from tests.fakes.moves import FakeMoves, ended
from tests.fakes.standings import standing
from tests.fakes.tables import FakeDatabase, Line, TicketRow, turned

TIMES = frozenset({"enqueued_at", "due_at", "relaxed", "relax_at"})


class FakeLead:
    """Implements `router.flow.work.lead.LeadStore`."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["FakeLeadWork"]:
        async with self._database.transaction():
            yield FakeLeadWork(self._database)

    async def stuck(self, viewer: Viewer, ticket_id: TicketId) -> Stuck | None:
        tables = self._database.tables
        row = tables.tickets.get(ticket_id)
        if row is None or not viewer.has(row.team):
            return None
        return Stuck(
            id=row.id,
            state=row.state,
            wait=row.wait,
            route=row.route,
            holder=tables.agents[row.assigned_to].profile.name if row.assigned_to else None,
            state_until=row.state_until,
            now=tables.now,
        )

    async def standings(self, viewer: Viewer, stuck: Stuck, rules: AssignmentRules) -> Sequence[Standing]:
        tables = self._database.tables
        wait = stuck.wait
        rows = [
            row
            for row in tables.agents.values()
            if wait.requirement.team in row.profile.teams
            or (row.id == wait.reserved_for and (viewer.teams is None or viewer.teams & row.profile.teams))
        ]
        by_name = sorted(rows, key=lambda row: row.profile.name)
        return [standing(tables, row, stuck.id, wait.enqueued_at, rules.capacity) for row in by_name]


class FakeLeadWork(FakeMoves):
    """Implements `router.flow.work.lead.LeadWork`."""

    async def now(self) -> datetime:
        return self._tables.now

    async def lock_agent_named(self, name: str, teams: Teams) -> AgentId | None:
        row = self._tables.agent_named(name)
        return row.id if row and (teams is None or teams & row.profile.teams) else None

    async def set_draining(self, agent_id: AgentId, by: Actor, *, is_draining: bool) -> Sequence[Turned]:
        row = self._tables.agents[agent_id]
        if row.is_draining is is_draining:
            return []
        self._tables.agents[agent_id] = replace(row, is_draining=is_draining)
        self._tables.note(by, "agent.drain" if is_draining else "agent.undrain", f"agent:{row.profile.name}")
        return self._tables.withdraw_offers(agent_id, by) if is_draining else []

    async def requeue(self, agent_id: AgentId, by: Actor) -> Sequence[Turned]:
        held = self._tables.held_by(agent_id, teams=by.teams)
        released = [row for row in held if row.state in {TicketState.OFFERED, TicketState.ASSIGNED}]
        for row in released:
            wait = row.wait._replace(reserved_for=None, reserved_until=None)
            self._tables.tell(row.waits_again(wait), HistoryKind.RELEASE, by, reason=HistoryReason.REQUEUED)
        return [turned(row) for row in released]

    async def misroute(self, ticket: TicketNow) -> Misroute | None:
        lines = [line for line in self._tables.history if line.ticket_id == ticket.id]
        undone = {line.data.get("undone") for line in lines}
        moves = [line for line in lines if "was" in line.data and line.id not in undone]
        if not moves:
            return None
        moved = moves[-1]
        has_ended = any(_begins_anew(line) for line in lines if line.id > moved.id)
        was = {name: value for name, value in moved.data["was"].items() if not has_ended or name not in TIMES}
        return Misroute(event_id=moved.id, was=ticket.wait.before(was))

    async def customers_waiting(self, closable: Closable, teams: Teams, *, limit: int) -> Sequence[CustomerId]:
        waiting = sorted(self._closable(closable, teams), key=lambda row: (row.wait.due_at, row.id))
        return [row.customer_id for row in waiting[:limit]]

    async def lock_customers(self, customers: Collection[CustomerId]) -> Sequence[Customer]:
        self._database.wait_for_lock()
        return [self._tables.customers[customer_id] for customer_id in sorted(customers)]

    async def close(
        self, closable: Closable, customers: Collection[CustomerId], by: Actor, *, limit: int
    ) -> Sequence[Ended]:
        rows = [
            row
            for row in self._closable(closable, by.teams)
            if row.customer_id in customers and row.id not in self._database.locked
        ][:limit]
        for row in rows:
            resolved = ended(row, TicketState.RESOLVED, self._tables.now)
            self._tables.tell(resolved, HistoryKind.RESOLVE, by, reason=HistoryReason.CLOSED, why=closable.why)
        return [Ended(ticket_id=row.id, customer_id=row.customer_id, channel=row.requirement.channel) for row in rows]

    def _closable(self, closable: Closable, teams: Teams) -> list[TicketRow]:
        return [
            row
            for row in self._tables.tickets.values()
            if row.state is TicketState.QUEUED
            and row.requirement.queue == closable.queue
            and (teams is None or row.team in teams)
            and row.wait.enqueued_at <= closable.before
        ]


def _begins_anew(line: Line) -> bool:
    """Whether the line tells of a wait that did not begin with a move."""
    return line.kind is HistoryKind.QUEUE and "was" not in line.data
