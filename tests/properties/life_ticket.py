"""Tickets and agents as the model of their lives has them, and what the rows of tickets should say.

All times are exact but for the model's `now`, which is a little before what the product does: `catch_up` takes the rest
over from the ticket's row, and only where a time was to be set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from router.domain.agent import Agent, Status
from router.domain.customer import AgentId
from router.domain.ticket import TicketState
from router.policy.model import Queue, Route

NEW, QUEUED, OFFERED, ASSIGNED = TicketState.NEW, TicketState.QUEUED, TicketState.OFFERED, TicketState.ASSIGNED
WRAP_UP, SNOOZED, RESOLVED, ABANDONED = (
    TicketState.WRAP_UP,
    TicketState.SNOOZED,
    TicketState.RESOLVED,
    TicketState.ABANDONED,
)
HELD = {OFFERED, ASSIGNED, WRAP_UP}
ENDED = {RESOLVED, ABANDONED}
MOVABLE = {QUEUED, OFFERED, ASSIGNED, SNOOZED}
NEVER = datetime.min.replace(tzinfo=UTC)
SLOWEST = timedelta(minutes=1)
"""No step of a test takes longer."""


@dataclass(kw_only=True)
class Person:
    """An agent at work."""

    who: Agent
    limit: int
    seen_at: datetime
    status: Status = Status.AVAILABLE
    missed: int = 0
    is_draining: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """What an undo gives back; None keeps what the ticket has by then."""

    queue: Queue
    skills: tuple[str, ...]
    due_at: datetime | None = None
    enqueued_at: datetime | None = None
    relaxed: int | None = None
    relax_at: datetime | None = None


@dataclass(kw_only=True, eq=False, repr=False)
class Ticket:
    """One ticket. `moves_clock` says that a wait, or else the time that its state began, dates from this step."""

    customer: str
    channel: str
    route: Route
    queue: Queue
    skills: tuple[str, ...]
    id: int = 0
    state: TicketState = NEW
    holder: AgentId | None = None
    epoch: int = 0
    is_seen: bool = False
    given: int = 0
    enqueued_at: datetime = NEVER
    due_at: datetime = NEVER
    relax_at: datetime | None = None
    relaxed: int = 0
    reserved_for: AgentId | None = None
    reserved_until: datetime | None = None
    ends_at: datetime | None = None
    resolved_at: datetime | None = None
    refusals: dict[AgentId, datetime] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    began_wait: bool = False
    began_state: bool = False

    def __repr__(self) -> str:
        return f"<ticket {self.id}, {self.channel}, {self.state} in {self.queue.name}, of {self.holder}>"

    @property
    def refused_by(self) -> set[AgentId]:
        return {agent_id for agent_id, wait in self.refusals.items() if wait == self.enqueued_at}

    def row(self) -> dict[str, Any]:
        """What the ticket's row should say."""
        row = {"state": self.state, "assigned_to": self.holder, "lease_epoch": self.epoch, "queue": self.queue.name}
        if self.state in ENDED:
            return {**row, "resolved_at": self.resolved_at}
        return {
            **row,
            "team": self.queue.team,
            "skills": list(self.skills),
            "is_seen": self.is_seen,
            "enqueued_at": self.enqueued_at,
            "due_at": self.due_at,
            "relax_at": self.relax_at,
            "relaxed": self.relaxed,
            "reserved_for": self.reserved_for,
            "reserved_until": self.reserved_until,
            "state_until": self.ends_at,
        }

    def catch_up(self, row: Mapping[str, Any]) -> None:
        """Take over by how much the product was later than the model, where this step set a time."""
        if self.began_wait:
            late = _late(self.enqueued_at, row["enqueued_at"])
            self.enqueued_at += late
            self.due_at += late
            self.relax_at = self.relax_at and self.relax_at + late
            self.reserved_until = self.reserved_until and self.reserved_until + late
        if self.began_state:
            self.ends_at = self.ends_at and self.ends_at + _late(self.ends_at, row["state_until"])
            self.resolved_at = self.resolved_at and self.resolved_at + _late(self.resolved_at, row["resolved_at"])
        self.began_wait = self.began_state = False


def _late(expected: datetime, found: datetime | None) -> timedelta:
    """How much later something is than expected, if that is by no more than a step takes; none at all otherwise."""
    late = found - expected if found else timedelta(0)
    return late if timedelta(0) <= late <= SLOWEST else timedelta(0)
