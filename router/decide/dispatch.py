"""Dispatch: decides which agent gets an offer of which ticket in a push queue, and why nobody else does."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeAlias

from router.domain.agent import Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.eligibility import Obstacle, first_obstacle
from router.domain.ticket import TicketId
from router.policy.model import OfferRule, OfferTo

EXPLAINED = 20
"""An offer explains for this many other candidates why they were not chosen, however many there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An agent who may get offers of tickets in `groups`, and of tickets reserved for them in their teams.

    `held` counts by channel what the agent already holds. `may_be_offered` is how many more offers they may have to
    answer now.
    """

    agent_id: AgentId
    groups: frozenset[int]
    presence: Presence
    idle_since: datetime
    capacity: Capacity
    held: Mapping[str, int]
    is_draining: bool = False
    may_be_offered: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A ticket near the front of its group, or of one agent's reserved tickets; `refused_by` covers only this wait."""

    ticket_id: TicketId
    group: int
    queue: str
    channel: str
    reserved_for: AgentId | None = None
    refused_by: frozenset[AgentId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The current time, and how long an agent's lease lasts after the last sign of life."""

    now: datetime
    grace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A ticket to offer to an agent, by which rule, and why other candidates do not get it (not all, if many)."""

    waiting: Waiting
    agent_id: AgentId
    rule: OfferRule
    why_not: Mapping[AgentId, Obstacle]


def dispatch(
    candidates: Iterable[Candidate], line: Iterable[Waiting], rules: Mapping[str, OfferRule], moment: Moment
) -> list[Offer]:
    """Offer each ticket, due first, to the best of its group's agents who are present and have room.

    An agent who has refused the ticket in this wait is asked again only if nobody else can take it. A reserved ticket
    is offered only to its agent, who needs no skills for it. `rules` are those of the push queues.
    """
    staff = _Staff(candidates, moment)
    offers = (staff.offer(waiting, rules[waiting.queue]) for waiting in line)
    return [offer for offer in offers if offer]


def confirm(offers: Iterable[Offer], candidates: Iterable[Candidate], moment: Moment) -> list[Offer]:
    """Return the offers that the candidates, as they are now, can still take; each counts for the ones after it."""
    members = {candidate.agent_id: _Member(candidate, moment) for candidate in candidates}
    confirmed = []
    for offer in offers:
        member = members.get(offer.agent_id)
        if member and member.obstacle(offer.waiting) in _SURMOUNTABLE:
            member.give(offer.waiting)
            confirmed.append(offer)
    return confirmed


_SURMOUNTABLE = frozenset({None, Obstacle.REFUSED})

_Rank: TypeAlias = tuple[float, int, datetime, AgentId]


class _Member:
    """A candidate during a round: each ticket they get counts at once."""

    def __init__(self, candidate: Candidate, moment: Moment) -> None:
        self.agent_id = candidate.agent_id
        self.groups = candidate.groups
        self._candidate = candidate
        self._is_available = candidate.presence.status is Status.AVAILABLE
        self._is_live = candidate.presence.is_live(moment.now, moment.grace)
        self._held = Counter(candidate.held)
        self._offered = 0
        self._turn = 0

    def obstacle(self, waiting: Waiting) -> Obstacle | None:
        """The first obstacle between the agent and the ticket."""
        is_theirs = waiting.reserved_for == self.agent_id
        return first_obstacle(
            is_retired=False,  # no candidate is
            is_eligible=is_theirs or waiting.group in self.groups,
            is_reserved_for_another=waiting.reserved_for is not None and not is_theirs,
            is_draining=self._candidate.is_draining,
            is_available=self._is_available,
            is_live=self._is_live,
            has_room=self._candidate.capacity.has_room(self._held, waiting.channel),
            is_answering=self._offered >= self._candidate.may_be_offered,
            has_refused=self.agent_id in waiting.refused_by,
        )

    def rank(self, to: OfferTo, channel: str) -> _Rank:
        """Return the sort key; the least comes first. Agents who got a ticket in this round come after all others."""
        capacity = self._candidate.capacity
        load = capacity.load(self._held, beside=channel) / capacity.limit if to is OfferTo.LEAST_LOADED else 0.0
        return load, self._turn, self._candidate.idle_since, self.agent_id

    def give(self, waiting: Waiting, *, turn: int = 0) -> None:
        """Hold one more ticket, as the `turn`th of the round."""
        self._held[waiting.channel] += 1
        self._offered += 1
        self._turn = turn


class _Staff:
    """All candidates during a round."""

    def __init__(self, candidates: Iterable[Candidate], moment: Moment) -> None:
        self._members = {candidate.agent_id: _Member(candidate, moment) for candidate in candidates}
        self._by_group = defaultdict(list)
        for member in self._members.values():
            for group in member.groups:
                self._by_group[group].append(member)
        self._full: set[int] = set()
        self._turn = 0

    def offer(self, waiting: Waiting, rule: OfferRule) -> Offer | None:
        """Offer the ticket to the best agent who can take it, if anybody can."""
        obstacles = {member: member.obstacle(waiting) for member in self._asked(waiting)}
        able = [member for member, obstacle in obstacles.items() if obstacle is None]
        able = able or [member for member, obstacle in obstacles.items() if obstacle is Obstacle.REFUSED]
        if not able:
            self._give_up(waiting)
            return None
        chosen = min(able, key=lambda member: member.rank(rule.to, waiting.channel))
        self._turn += 1
        chosen.give(waiting, turn=self._turn)
        del obstacles[chosen]
        return Offer(waiting=waiting, agent_id=chosen.agent_id, rule=rule, why_not=_explained(obstacles))

    def _asked(self, waiting: Waiting) -> Sequence[_Member]:
        if waiting.reserved_for is not None:
            return [self._members[waiting.reserved_for]] if waiting.reserved_for in self._members else []
        return [] if waiting.group in self._full else self._by_group[waiting.group]

    def _give_up(self, waiting: Waiting) -> None:
        """Stop asking for a group whose agents have no room: all its tickets need the same."""
        if waiting.reserved_for is None:
            self._full.add(waiting.group)


def _explained(obstacles: Mapping[_Member, Obstacle | None]) -> Mapping[AgentId, Obstacle]:
    return {
        member.agent_id: obstacle or Obstacle.NOT_FIRST for member, obstacle in islice(obstacles.items(), EXPLAINED)
    }
