"""What moves tickets, in memory: passes the contract of moves."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from router.domain.actor import Actor, Teams
from router.domain.agent import Agent
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.errors import Conflict
from router.domain.history import HistoryKind
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.wait import Requirement, Wait
from tests.fakes.tables import FakeDatabase, Tables, TicketRow


class FakeTicketRows:
    """Tickets as one transaction reads and locks them."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @property
    def _tables(self) -> Tables:
        return self._database.tables

    async def lock_agents(self, agents: Collection[AgentId]) -> None:
        self._database.wait_for_lock()

    async def ticket(self, ticket_id: TicketId, teams: Teams) -> TicketNow | None:
        row = self._tables.tickets.get(ticket_id)
        return self._now(row) if row and (teams is None or row.team in teams) else None

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]:
        found = [await self.ticket(ticket_id, teams) for ticket_id in tickets]
        return {ticket.id: ticket for ticket in found if ticket}

    def _now(self, row: TicketRow) -> TicketNow:
        return TicketNow(
            id=row.id,
            customer_id=row.customer_id,
            state=row.state,
            assigned_to=row.assigned_to,
            epoch=row.epoch,
            wait=row.wait,
            complexity=row.complexity,
            route=row.route,
            target=row.target,
            read_up_to=microseconds(row.last_customer_at),
            now=self._tables.now,
        )

    def _guarded(self, ticket: TicketNow) -> TicketRow:
        """The ticket's row, if it is still as it was read."""
        row = self._tables.tickets[ticket.id]
        if (row.epoch, row.state, row.team) != (ticket.epoch, ticket.state, ticket.team):
            raise Conflict("The ticket has moved on since you read it: read it again.")
        return row


class FakeMoves(FakeTicketRows):
    """Implements `router.flow.work.moves.Moves`."""

    async def lock_customer(self, customer_id: CustomerId) -> Customer:
        self._database.wait_for_lock()
        return self._tables.customers[customer_id]

    async def agent_named(self, name: str) -> Agent | None:
        row = self._tables.agent_named(name)
        return row.agent if row and not row.profile.is_retired else None

    async def skills_in_team(self, requirement: Requirement) -> bool:
        rows = self._tables.agents.values()
        return any(row.agent.may_take(requirement) for row in rows if not row.profile.is_retired)

    async def note(self, ticket: TicketNow, by: Actor, text: str) -> int:
        row = self._guarded(ticket)
        is_holder = by.agent is not None and by.agent.id == row.assigned_to
        self._tables.tell(replace(row, is_seen=row.is_seen or is_holder), HistoryKind.NOTE, by)
        return self._tables.write(ticket_id=ticket.id, direction="note", text=text)

    async def enqueue(
        self, ticket: TicketNow, wait: Wait, by: Actor, *, kind: HistoryKind = HistoryKind.QUEUE, **why: Any
    ) -> None:
        self._tables.tell(self._guarded(ticket).waits_again(wait), kind, by, **why)

    async def end(
        self, ticket: TicketNow, state: TicketState, by: Actor, *, kind: HistoryKind = HistoryKind.RESOLVE, **why: Any
    ) -> None:
        self._tables.tell(ended(self._guarded(ticket), state, self._tables.now), kind, by, **why)

    async def remember(self, *customers: Customer) -> None:
        for customer in customers:
            known = self._tables.customers[customer.id]
            self._tables.customers[customer.id] = known._replace(
                contacts=customer.contacts, last_agent_id=customer.last_agent_id
            )


def ended(row: TicketRow, state: TicketState, now: datetime) -> TicketRow:
    """The ticket when nothing is left to be done about it."""
    unreserved = row.waits_again(row.wait._replace(reserved_for=None, reserved_until=None))
    return replace(unreserved, state=state, resolved_at=now if state is TicketState.RESOLVED else None)


def microseconds(moment: datetime) -> int:
    """The time in microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)
