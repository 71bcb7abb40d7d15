"""A contact center in memory: its stores, and what tests furnish it with."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from router.domain.agent import Agent, Lease, Presence, Status
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.domain.ticket import TicketId, TicketState
from router.domain.wait import Requirement
from tests.fakes.agents import FakeAgents
from tests.fakes.offers import FakeOffers
from tests.fakes.tables import AgentRow, FakeDatabase, TicketRow
from tests.making.builders import OFFER_LASTS, TARGET


class FakeCenter:
    """Implements `tests.making.center.Center`."""

    def __init__(self) -> None:
        self.database = FakeDatabase()
        self.agents = FakeAgents(self.database)
        self.offers = FakeOffers(self.database)

    async def agent(
        self, name: str = "Grace", *, teams: Collection[str] = ("frontline",), skills: Collection[str] = ()
    ) -> Agent:
        tables = self.database.tables
        profile = Profile(name=name, teams=frozenset(teams), skills=Skills.parse(skills))
        row = AgentRow(id=AgentId(len(tables.agents) + 1), profile=profile, created_at=tables.now)
        tables.agents[row.id] = row
        return row.agent

    async def declare(self, agent: Agent, status: Status, reason: str | None = None) -> None:
        tables = self.database.tables
        presence = Presence(status=status, reason=reason, since=tables.now, seen_at=tables.now)
        tables.agents[agent.id] = replace(tables.agents[agent.id], presence=presence)

    async def customer(self) -> CustomerId:
        tables = self.database.tables
        customer = Customer(id=CustomerId(len(tables.customers) + 1), created_at=tables.now)
        tables.customers[customer.id] = customer
        return customer.id

    async def ticket(
        self,
        *,
        held_by: Agent | None = None,
        state: TicketState | None = None,
        customer_id: CustomerId | None = None,
        queue: str = "general",
        team: str = "frontline",
        skills: tuple[str, ...] = (),
        channel: str = "email",
        waited: timedelta = timedelta(0),
    ) -> Lease:
        tables = self.database.tables
        row = TicketRow(
            id=TicketId(len(tables.tickets) + 1),
            customer_id=customer_id or await self.customer(),
            requirement=Requirement(queue=queue, team=team, skills=skills, channel=channel),
            enqueued_at=tables.now - waited,
            due_at=tables.now - waited + TARGET,
            state=state or (TicketState.ASSIGNED if held_by else TicketState.QUEUED),
            epoch=1 if held_by else 0,
            assigned_to=held_by and held_by.id,
            assigned_at=tables.now if held_by else None,
        )
        tables.tickets[row.id] = row
        return Lease(row.id, 1)

    async def offer(self, agent: Agent, **ticket: Any) -> Lease:
        lease = await self.ticket(held_by=agent, state=TicketState.OFFERED, **ticket)
        tables = self.database.tables
        row = tables.tickets[lease.ticket_id]
        tables.tickets[row.id] = replace(row, state_until=tables.now + OFFER_LASTS)
        return lease

    async def pass_time(self, by: timedelta) -> None:
        self.database.tables.now += by

    async def history(self, ticket_id: TicketId) -> list[tuple[str, str, str, str | None]]:
        return [
            (line.kind, line.state, line.actor, line.data.get("reason"))
            for line in self.database.tables.history
            if line.ticket_id == ticket_id
        ]

    async def audit(self) -> list[tuple[str, str, str]]:
        return self.database.tables.audit
