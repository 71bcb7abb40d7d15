"""The unit of work that is routed: its states, the legal arrows between them, and what a ticket carries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, NewType

from router.domain.customer import AgentId, CustomerId
from router.domain.triage import Complexity, Routing, Triage
from router.domain.wait import Place

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
    """One piece of work. A wait runs from `enqueued_at`; it should be answered by `due_at`.

    `relax_at` is the time of the next step of its route's relaxation, of which it has taken `relaxed` in this wait.
    """

    id: TicketId
    customer_id: CustomerId
    channel: str
    subject: str | None
    state: TicketState
    triage: Triage
    routing: Routing
    enqueued_at: datetime
    due_at: datetime
    last_customer_at: datetime
    created_at: datetime
    first_reply_at: datetime | None = None
    assigned_to: AgentId | None = None
    preferred_agent_id: AgentId | None = None
    preferred_until: datetime | None = None
    reopened_count: int = 0
    resolved_at: datetime | None = None
    relax_at: datetime | None = None
    relaxed: int = 0

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done."""
        return self.state in OPEN_STATES

    def heard(self, now: datetime) -> "Ticket":
        """This ticket after a word of the customer's: `last_customer_at` rises even where a clock was set back."""
        return self._replace(last_customer_at=max(now, self.last_customer_at + timedelta.resolution))


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNow:
    """A ticket as a write finds it at `now`, the database's clock; writes are guarded by its state and `epoch`.

    `read_up_to` is the time of the customer's last word, in microseconds since 1970.
    """

    id: TicketId
    customer_id: CustomerId
    state: TicketState
    assigned_to: AgentId | None
    epoch: int
    place: Place
    complexity: Complexity
    route: str
    reserved_for: AgentId | None
    read_up_to: int
    now: datetime

    @property
    def queue(self) -> str:
        return self.place.requirement.queue

    @property
    def channel(self) -> str:
        return self.place.requirement.channel
