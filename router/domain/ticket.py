"""The ticket, the unit of work that is routed: its states, the legal arrows between them, and its data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, NewType

from router.domain.customer import AgentId, CustomerId
from router.domain.triage import Complexity, Triage
from router.domain.wait import Wait

TicketId = NewType("TicketId", int)


class TicketState(StrEnum):
    """Where a ticket is in its life."""

    NEW = "new"
    QUEUED = "queued"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    WRAP_UP = "wrap_up"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    ABANDONED = "abandoned"


ARROWS: dict[TicketState, frozenset[TicketState]] = {
    TicketState.NEW: frozenset({TicketState.QUEUED}),
    TicketState.QUEUED: frozenset(
        {TicketState.OFFERED, TicketState.ASSIGNED, TicketState.RESOLVED, TicketState.ABANDONED}
    ),
    TicketState.OFFERED: frozenset(
        {TicketState.ASSIGNED, TicketState.QUEUED, TicketState.RESOLVED, TicketState.ABANDONED}
    ),
    TicketState.ASSIGNED: frozenset(
        {
            TicketState.WRAP_UP,
            TicketState.QUEUED,
            TicketState.SNOOZED,
            TicketState.RESOLVED,
            TicketState.ABANDONED,
        }
    ),
    TicketState.WRAP_UP: frozenset({TicketState.RESOLVED, TicketState.ASSIGNED}),
    TicketState.SNOOZED: frozenset({TicketState.QUEUED, TicketState.ASSIGNED, TicketState.RESOLVED}),
    TicketState.RESOLVED: frozenset({TicketState.QUEUED}),
    TicketState.ABANDONED: frozenset(),
}

OPEN_STATES = frozenset(TicketState) - {TicketState.RESOLVED, TicketState.ABANDONED}


class Ticket(NamedTuple):
    """One piece of work, in its current or last wait.

    `route` and `target` come from the policy version that routed it. A new wait of the ticket has the same target.
    """

    id: TicketId
    customer_id: CustomerId
    channel: str
    subject: str | None
    state: TicketState
    triage: Triage
    route: str
    target: timedelta
    policy_version: str
    wait: Wait
    last_customer_at: datetime
    created_at: datetime
    first_reply_at: datetime | None = None
    assigned_to: AgentId | None = None
    reopened_count: int = 0
    resolved_at: datetime | None = None
    bounced_at: datetime | None = None

    @property
    def queue(self) -> str:
        return self.wait.requirement.queue

    @property
    def team(self) -> str:
        return self.wait.requirement.team

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.state in OPEN_STATES

    def heard(self, now: datetime) -> "Ticket":
        """Return this ticket after a customer's message: `last_customer_at` rises even if a clock was set back."""
        return self._replace(last_customer_at=max(now, self.last_customer_at + timedelta.resolution))


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNow:
    """A ticket as a write finds it at `now`, the database's clock; the write checks its state and `epoch` again.

    `read_up_to` is the time of the customer's last message, in microseconds since 1970.
    """

    id: TicketId
    customer_id: CustomerId
    state: TicketState
    assigned_to: AgentId | None
    epoch: int
    wait: Wait
    complexity: Complexity
    route: str
    target: timedelta
    read_up_to: int
    now: datetime

    @property
    def queue(self) -> str:
        return self.wait.requirement.queue

    @property
    def team(self) -> str:
        return self.wait.requirement.team

    @property
    def channel(self) -> str:
        return self.wait.requirement.channel
