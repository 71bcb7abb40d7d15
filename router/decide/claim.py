"""Claim: decides which of the agents who ask gets which waiting ticket."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from channels.message import Channel
from router.domain.agent import Cause, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.eligibility import Obstacle, first_obstacle
from router.domain.ticket import TicketId


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an agent who waits for work gets any. Their lease does not matter: asking is a sign of life."""

    is_retired: bool = False
    is_in_a_team: bool = True
    is_draining: bool = False
    status: Status = Status.AVAILABLE
    cause: Cause | None = None

    @property
    def obstacle(self) -> Obstacle | None:
        """What keeps the agent from every ticket; an agent in no team is eligible for none."""
        return first_obstacle(
            is_retired=self.is_retired,
            is_eligible=self.is_in_a_team,
            is_reserved_for_another=False,  # the rest is about single tickets, and `assign` sees to it
            is_draining=self.is_draining,
            is_available=self.status is Status.AVAILABLE,
            is_live=True,  # asking is a sign of life
            has_room=True,
            is_answering=False,  # an agent may ask for a ticket while they have an offer
            has_refused=False,
        )


READY = Readiness()


@dataclass(frozen=True, slots=True)
class Asking:
    """An agent who waits for work: the groups whose tickets they may get, what they can carry and what they hold.

    `held` counts tickets by channel.
    """

    agent_id: AgentId
    groups: Sequence[int]
    capacity: Capacity
    held: Mapping[str, int]
    readiness: Readiness = READY

    def has_room(self, channel: str) -> bool:
        """Whether one more ticket of the channel fits."""
        return self.capacity.has_room(self.held, channel)

    @property
    def is_full(self) -> bool:
        """Whether no ticket fits, on any channel."""
        return not any(map(self.has_room, _CHANNELS))


# plain strings: an enum's hash is slow, and every round checks every agent
_CHANNELS = tuple(channel.value for channel in Channel)

Head: TypeAlias = tuple[int, AgentId | None, str, TicketId]
"""A ticket near the front of its line, as (group, agent, channel, ticket).

The line is the agent's reserved tickets if there is an agent, and the group otherwise. Plain tuples, because a round
reads thousands.
"""


@dataclass(frozen=True, slots=True)
class Match:
    """A ticket of a group for an agent; `load` is the weight of what the agent held, as seen by its channel."""

    agent_id: AgentId
    ticket_id: TicketId
    group: int
    load: int


def depths(asking: Sequence[Asking], *, in_full: Collection[int] = ()) -> Mapping[int, int]:
    """Return how many tickets of each group to read first.

    One per agent in the group would always be enough. But agents have many groups and take one ticket, so we read a few
    times what each group loses on average. `deeper` says where that was too little; groups where that happened before
    are better read `in_full` at once.
    """
    most = _most(asking)
    enough = 2 + 4 * ceil(len(asking) / max(len(most), 1))
    return {group: agents if group in in_full else min(agents, enough) for group, agents in most.items()}


def emptied(asking: Sequence[Asking], matches: Iterable[Match]) -> Collection[int]:
    """Return the groups that gave away all that is usually read of them, such as those due before all others."""
    return deeper(asking, depths(asking), matches).keys()


def deeper(asking: Iterable[Asking], depths: Mapping[int, int], matches: Iterable[Match]) -> Mapping[int, int]:
    """Return how many tickets to read of groups that gave away all that was read, if agents may want more.

    With these depths, and the others as before, `heads` lead to the same matches as if everything had been read: the
    more waits in one group, the less is taken from any other.
    """
    given = Counter(match.group for match in matches)
    used_up = {group for group, count in given.items() if count >= depths.get(group, 0)}
    most = _most(asking) if used_up else {}
    return {group: most[group] for group in used_up if most[group] > depths.get(group, 0)}


def assign(asking: Iterable[Asking], heads: Sequence[Head]) -> list[Match]:
    """Give each agent, in order of arrival, the first fitting ticket left in their groups or reserved for them.

    `heads` are ordered, due first. The result leaves out agents who have no room or for whom nothing is left.
    """
    groups, reserved = _lines(heads)
    channels = {channel for _, _, channel, _ in heads}
    matches = []
    for agent in asking:
        room = {channel for channel in channels if agent.has_room(channel)}
        fronts = [line[-1] for group in agent.groups if (line := groups.get(group))]
        fronts += reserved.get(agent.agent_id, ())
        if fitting := [front for front in fronts if front[1] in room]:
            _, channel, group, reserved_for, ticket_id = min(fitting)
            if reserved_for is None:
                groups[group].pop()
            load = agent.capacity.load(agent.held, beside=channel)
            matches.append(Match(agent.agent_id, ticket_id, group, load))
    return matches


_Line: TypeAlias = list[tuple[int, str, int, AgentId | None, TicketId]]
"""Heads, each starting with its place in the order and its channel; the first head is last in the list, for `pop`."""


def _lines(heads: Sequence[Head]) -> tuple[Mapping[int, _Line], Mapping[AgentId, _Line]]:
    """Return what waits in each group, and what is reserved for each agent."""
    groups: defaultdict[int, _Line] = defaultdict(list)
    reserved: defaultdict[AgentId, _Line] = defaultdict(list)
    for place in reversed(range(len(heads))):
        group, reserved_for, channel, ticket_id = heads[place]
        line = groups[group] if reserved_for is None else reserved[reserved_for]
        line.append((place, channel, group, reserved_for, ticket_id))
    return groups, reserved


def _most(asking: Iterable[Asking]) -> Counter[int]:
    """Count the most tickets that each group can give away: one for each agent who may get them."""
    return Counter(group for agent in asking for group in agent.groups)
