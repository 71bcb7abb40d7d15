"""What moves a ticket through its life, whoever does it: agents at the desk, leads with their tools.

Locks are taken in one order everywhere: agents, customer, conversations, tickets, each by id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from router.domain.actor import Actor, Teams
from router.domain.agent import Agent
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.ticket import Requirement, TicketId, TicketState
from router.domain.triage import Complexity


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a ticket waits and since when: what it keeps through declines and lost agents, and an undo gives back."""

    requirement: Requirement
    enqueued_at: datetime
    due_at: datetime
    relaxed: int = 0
    relax_at: datetime | None = None

    def as_data(self) -> dict[str, Any]:
        """The place as an event remembers it, under `was`."""
        return {
            "queue": self.requirement.queue,
            "team": self.requirement.team,
            "skills": list(self.requirement.skills),
            "enqueued_at": self.enqueued_at.isoformat(),
            "due_at": self.due_at.isoformat(),
            "relaxed": self.relaxed,
            "relax_at": self.relax_at and self.relax_at.isoformat(),
        }

    def before(self, was: Mapping[str, Any]) -> "Place":
        """The place that an event remembers under `was`, of a ticket that waits here now; what it leaves out is as now.

        Whoever undoes a relaxation, which is no new wait and tells no `relax_at`, does not want it again at once.
        """
        asked = replace(self.requirement, queue=was["queue"], team=was["team"], skills=tuple(was["skills"]))
        return Place(
            requirement=asked,
            enqueued_at=_moment(was.get("enqueued_at")) or self.enqueued_at,
            due_at=_moment(was.get("due_at")) or self.due_at,
            relaxed=was.get("relaxed", self.relaxed),
            relax_at=_moment(was.get("relax_at")),
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWait:
    """How a ticket waits from now on: for whom, until it is relaxed, and for `wish_lasts` for one agent only.

    `policy_version` is that of the policy which has decided so.
    """

    requirement: Requirement
    policy_version: str
    relaxed_after: timedelta | None = None
    wish: AgentId | None = None
    wish_lasts: timedelta | None = None


class Directory(Protocol):
    """Who there is to move tickets to."""

    async def agent_named(self, name: str) -> Agent | None:
        """The agent of that name, unless retired."""

    async def skills_in_team(self, requirement: Requirement) -> bool: ...


class Moves(Directory, Protocol):
    """One transaction on tickets. Writes raise `Conflict` where the ticket is no longer as it was read."""

    async def lock_agents(self, agents: Collection[AgentId]) -> None: ...

    async def lock_customer(self, customer_id: CustomerId) -> Customer: ...

    async def ticket(self, ticket_id: TicketId, teams: Teams) -> TicketNow | None: ...

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]: ...

    async def note(self, ticket: TicketNow, by: Actor, text: str) -> int: ...

    async def begin_wait(
        self, ticket: TicketNow, wait: NewWait, by: Actor, *, kind: str = "queue", **why: object
    ) -> None: ...

    async def end(
        self, ticket: TicketNow, state: TicketState, by: Actor, *, kind: str = "resolve", **why: object
    ) -> None: ...

    async def remember(self, *customers: Customer) -> None:
        """Write the digests of customers whose rows are locked."""
