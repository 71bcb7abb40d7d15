"""A contact center in memory: its stores, and what tests furnish it with."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from channels.message import Channel
from router.domain.agent import Agent, Lease, Presence, Status
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.domain.ticket import TicketId, TicketState
from router.domain.triage import Complexity
from router.domain.wait import Requirement, Wait
from tests.fakes.agents import FakeAgents
from tests.fakes.desk import FakeDesk
from tests.fakes.lead import FakeLead
from tests.fakes.offers import FakeOffers
from tests.fakes.picking import FakePicking
from tests.fakes.tables import AgentRow, FakeDatabase, TicketRow
from tests.making.builders import ADA, OFFER_LASTS, TARGET
from tests.making.moments import HOUR


class FakeCenter:
    """Implements `tests.making.center.Center`."""

    def __init__(self) -> None:
        self.database = FakeDatabase()
        self.agents = FakeAgents(self.database)
        self.offers = FakeOffers(self.database)
        self.desk = FakeDesk(self.database)
        self.lead = FakeLead(self.database)
        self.picking = FakePicking(self.database)

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

    async def drain(self, agent: Agent) -> None:
        tables = self.database.tables
        tables.agents[agent.id] = replace(tables.agents[agent.id], is_draining=True)

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
        complexity: Complexity = Complexity.SIMPLE,
    ) -> Lease:
        tables = self.database.tables
        began = tables.now - waited
        asked = Requirement(queue=queue, team=team, skills=skills, channel=channel)
        row = TicketRow(
            id=TicketId(len(tables.tickets) + 1),
            customer_id=customer_id or await self.customer(),
            wait=Wait(requirement=asked, enqueued_at=began, due_at=began + TARGET),
            target=TARGET,
            created_at=began,
            last_customer_at=began,
            state=state or (TicketState.ASSIGNED if held_by else TicketState.QUEUED),
            complexity=complexity,
            epoch=1 if held_by else 0,
            assigned_to=held_by and held_by.id,
            assigned_at=began if held_by else None,
        )
        tables.tickets[row.id] = row
        return Lease(row.id, 1)

    async def reserve(self, ticket_id: TicketId, agent: Agent) -> None:
        tables = self.database.tables
        row = tables.tickets[ticket_id]
        wait = row.wait._replace(reserved_for=agent.id, reserved_until=tables.now + HOUR)
        tables.tickets[ticket_id] = replace(row, wait=wait)

    async def conversation(self, lease: Lease, *, channel: str = "email") -> int:
        tables = self.database.tables
        conversation = Conversation(
            id=ConversationId(len(tables.conversations) + 1),
            customer_id=tables.tickets[lease.ticket_id].customer_id,
            channel=Channel(channel),
            provider="acme",
            account="support@acme.example",
            reply_to=ADA,
            created_at=tables.now,
            last_message_at=tables.now,
            subject="Invoice 4711",
            ticket_id=lease.ticket_id,
        )
        tables.conversations[conversation.id] = conversation
        return conversation.id

    async def message(self, conversation_id: int, text: str, *, external_id: str | None = None) -> int:
        tables = self.database.tables
        tables.now += timedelta(microseconds=1)
        ticket_id = tables.conversations[ConversationId(conversation_id)].ticket_id
        assert ticket_id
        tables.tickets[ticket_id] = replace(tables.tickets[ticket_id], last_customer_at=tables.now)
        return tables.write(
            ticket_id=ticket_id,
            direction="in",
            text=text,
            conversation_id=conversation_id,
            external_id=external_id,
        )

    async def offer(self, agent: Agent, **ticket: Any) -> Lease:
        lease = await self.ticket(held_by=agent, state=TicketState.OFFERED, **ticket)
        tables = self.database.tables
        row = tables.tickets[lease.ticket_id]
        tables.tickets[row.id] = replace(row, assigned_at=tables.now, state_until=tables.now + OFFER_LASTS)
        return lease

    async def pass_time(self, by: timedelta) -> None:
        self.database.tables.now += by

    async def history(self, ticket_id: TicketId) -> list[tuple[str, str, str, str | None]]:
        return [
            (line.kind, line.state, line.actor, line.data.get("reason"))
            for line in self.database.tables.history
            if line.ticket_id == ticket_id
        ]

    async def messages(self, ticket_id: TicketId) -> list[tuple[str, str]]:
        messages = self.database.tables.messages
        return [(message.direction, message.text) for message in messages if message.ticket_id == ticket_id]

    async def outbox(self) -> list[str]:
        return [message.text for message in self.database.tables.outbox]

    async def digest(self, customer_id: CustomerId) -> Customer:
        return self.database.tables.customers[customer_id]

    async def audit(self) -> list[tuple[str, str, str]]:
        return self.database.tables.audit
