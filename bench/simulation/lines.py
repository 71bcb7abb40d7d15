"""The lines in which the simulation's tickets wait, and the current state of its agents. `clock` has the events."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TypeAlias

from bench.simulation.center import Arrival, Member
from router.decide import claim, dispatch
from router.domain.agent import Agent, Presence, Status
from router.domain.customer import AgentId
from router.domain.ticket import TicketId
from router.domain.wait import Requirement, Wait
from router.policy.model import OfferRule, Policy

Place: TypeAlias = tuple[datetime | timedelta, ...]
Order: TypeAlias = Callable[[Wait], Place]
"""The sort key of waiting tickets; the smallest comes first."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Ticket:
    """A ticket that has arrived; `entry` is its place in its group's line while it waits."""

    id: TicketId
    arrival: Arrival
    wait: Wait
    refused_by: frozenset[AgentId] = frozenset()
    entry: "Entry | None" = None


Entry: TypeAlias = tuple[Place, TicketId, Ticket]


@dataclass(slots=True, eq=False)
class Group:
    """Tickets that ask for the same. Only push queues have a `rule`."""

    number: int
    asked: Requirement
    rule: OfferRule | None
    line: list[Entry] = field(default_factory=list)

    def add(self, ticket: Ticket, order: Order) -> None:
        ticket.entry = (order(ticket.wait), ticket.id, ticket)
        heappush(self.line, ticket.entry)

    def front(self) -> Entry | None:
        """Return the first ticket; drop those that were taken or have moved since."""
        while self.line and self.line[0] is not self.line[0][2].entry:
            heappop(self.line)
        return self.line[0] if self.line else None


class Answerer:
    """A member of staff over the days."""

    def __init__(self, agent_id: AgentId, member: Member, policy: Policy) -> None:
        profile = member.profile
        self.id = agent_id
        self.shifts = member.shifts()
        self.ends_at = LONG_AGO
        self.idle_since = LONG_AGO
        self.groups: dict[int, Group] = {}
        self.held: Counter[str] = Counter()
        self._numbers: list[int] = []
        # made once, because every event uses it; the objects it refers to change
        self.asking = claim.Asking(agent_id, self._numbers, profile.capacity(policy.assignment.capacity), self.held)
        self._person = Agent(id=agent_id, name=profile.name, teams=profile.teams, skills=profile.skills.words())

    def meet(self, group: Group) -> None:
        """Take tickets of this group from now on, if allowed."""
        if self._person.may_take(group.asked):
            self.groups[group.number] = group
            self._numbers.append(group.number)

    def candidate(self, now: datetime) -> dispatch.Candidate:
        return dispatch.Candidate(
            agent_id=self.id,
            groups=frozenset(self.groups),
            presence=Presence(status=Status.AVAILABLE, reason=None, since=now, seen_at=now),
            idle_since=self.idle_since,
            capacity=self.asking.capacity,
            held=self.held,
        )
