"""The tables of a contact center in memory, which the fakes of its stores share, and transactions on them."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from channels.message import OutboundMessage
from router.domain.actor import Actor
from router.domain.agent import Agent, Presence
from router.domain.conversation import Conversation
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.history import HistoryKind, HistoryReason
from router.domain.profile import Profile
from router.domain.ticket import TicketId, TicketState
from router.domain.triage import Complexity
from router.domain.wait import Requirement, Wait
from router.flow.run.transitions import Turned
from tests.making.moments import NOON


@dataclass(frozen=True, kw_only=True)
class AgentRow:
    id: AgentId
    profile: Profile
    created_at: datetime
    presence: Presence | None = None
    is_draining: bool = False
    retired_at: datetime | None = None

    @property
    def agent(self) -> Agent:
        profile = self.profile
        return Agent(id=self.id, name=profile.name, teams=profile.teams, skills=profile.skills.words())


@dataclass(frozen=True, kw_only=True)
class TicketRow:
    id: TicketId
    customer_id: CustomerId
    wait: Wait
    target: timedelta
    created_at: datetime
    last_customer_at: datetime
    state: TicketState = TicketState.QUEUED
    complexity: Complexity = Complexity.SIMPLE
    route: str = "rest"
    subject: str | None = None
    epoch: int = 0
    assigned_to: AgentId | None = None
    assigned_at: datetime | None = None
    state_until: datetime | None = None
    is_seen: bool = False
    first_reply_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def requirement(self) -> Requirement:
        return self.wait.requirement

    @property
    def team(self) -> str:
        return self.requirement.team

    def waits_again(self, wait: Wait | None = None) -> "TicketRow":
        """The ticket in nobody's hands, in this wait or in the one it was in."""
        return replace(
            self,
            wait=wait or self.wait,
            state=TicketState.QUEUED,
            assigned_to=None,
            assigned_at=None,
            state_until=None,
            is_seen=False,
        )


@dataclass(frozen=True, kw_only=True)
class MessageRow:
    """What somebody wrote; a note belongs to no conversation."""

    id: int
    ticket_id: TicketId
    direction: str
    text: str
    received_at: datetime
    conversation_id: int | None = None
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a ticket's history."""

    id: int
    ticket_id: TicketId
    kind: HistoryKind
    state: TicketState
    actor: str
    data: dict[str, Any]


@dataclass(kw_only=True)
class Tables:
    """Rows are replaced and never changed, so a copy keeps what they were."""

    now: datetime = NOON
    agents: dict[AgentId, AgentRow] = field(default_factory=dict)
    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    tickets: dict[TicketId, TicketRow] = field(default_factory=dict)
    conversations: dict[int, Conversation] = field(default_factory=dict)
    messages: list[MessageRow] = field(default_factory=list)
    outbox: list[OutboundMessage] = field(default_factory=list)
    declined: dict[tuple[TicketId, AgentId], datetime] = field(default_factory=dict)
    history: list[Line] = field(default_factory=list)
    audit: list[tuple[str, str, str]] = field(default_factory=list)

    def copy(self) -> "Tables":
        return Tables(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})

    def agent_named(self, name: str) -> AgentRow | None:
        return next((agent for agent in self.agents.values() if agent.profile.name == name), None)

    def held_by(self, agent_id: AgentId, *, teams: Collection[str] | None = None) -> list[TicketRow]:
        """What the agent has been given and not given back; None is every team."""
        return [
            ticket
            for ticket in self.tickets.values()
            if ticket.assigned_to == agent_id and (teams is None or ticket.team in teams)
        ]

    def tell(self, ticket: TicketRow, kind: HistoryKind, by: Actor, **data: Any) -> None:
        """Write the ticket as it is from now on, and the line that says what happened."""
        self.tickets[ticket.id] = ticket
        line = Line(
            id=len(self.history) + 1, ticket_id=ticket.id, kind=kind, state=ticket.state, actor=str(by), data=data
        )
        self.history.append(line)

    def write(self, **message: Any) -> int:
        """Add what somebody wrote just now, and return its id."""
        row = MessageRow(id=self.next_message_id, received_at=self.now, **message)
        self.messages.append(row)
        return row.id

    @property
    def next_message_id(self) -> int:
        return len(self.messages) + 1

    def note(self, by: Actor, action: str, subject: str) -> None:
        """Write down a change to anything but a ticket."""
        self.audit.append((str(by), action, subject))

    def withdraw_offers(self, agent_id: AgentId, by: Actor, *, teams: Collection[str] | None = None) -> list[Turned]:
        """Let what the agent is offered wait again at its place."""
        offered = [t for t in self.held_by(agent_id, teams=teams) if t.state is TicketState.OFFERED]
        for ticket in offered:
            self.tell(ticket.waits_again(), HistoryKind.RELEASE, by, reason=HistoryReason.NOT_AVAILABLE)
        return [turned(ticket) for ticket in offered]


def turned(before: TicketRow) -> Turned:
    return Turned(before.id, before.state, before.assigned_to, before.requirement.queue, before.requirement.channel)


class FakeDatabase:
    """Tables, and transactions on them.

    `meanwhile` is what others do, one after another, each while a transaction waits for a lock; what somebody else is
    writing to right now is `locked`.
    """

    def __init__(self) -> None:
        self.tables = Tables()
        self.meanwhile: list[Callable[[], None]] = []
        self.locked: set[TicketId] = set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Take everything back if the block fails."""
        before = self.tables.copy()
        try:
            yield
        except BaseException:
            self.tables = before
            raise

    def wait_for_lock(self) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()
