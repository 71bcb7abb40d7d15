"""Offer: which waiting agent is given which waiting ticket. Leaves taking it, or losing it to somebody, to the flow."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

from router.domain.customer import AgentId
from router.domain.ticket import TicketId


@dataclass(frozen=True, slots=True)
class Asking:
    """An agent who waits for work, and the groups whose tickets the agent may be given."""

    agent_id: AgentId
    groups: Sequence[int]


Head: TypeAlias = tuple[int, TicketId]
"""A group and a ticket that waits near its front. Plain tuples: a round reads thousands."""


@dataclass(frozen=True, slots=True)
class Match:
    """A ticket that an agent should have."""

    agent_id: AgentId
    ticket_id: TicketId


def depths(asking: Iterable[Asking]) -> Mapping[int, int]:
    """How many tickets of each group must be known: one for each agent who may be given them.

    Whoever gets nothing then knows that nothing is left.
    """
    return Counter(group for agent in asking for group in agent.groups)


def offer(asking: Iterable[Asking], heads: Iterable[Head]) -> list[Match]:
    """Give each agent, in order of arrival, the first of `heads` that is left in the agent's groups.

    `heads` are ordered: due first comes first. Agents for whom nothing is left are not in the result.
    """
    left = _by_group(heads)
    matches = []
    for agent in asking:
        if mine := [left[group] for group in agent.groups if left.get(group)]:
            _, ticket_id = min(mine, key=itemgetter(-1)).pop()
            matches.append(Match(agent.agent_id, ticket_id))
    return matches


def _by_group(heads: Iterable[Head]) -> dict[int, list[tuple[int, TicketId]]]:
    """The tickets of each group with their places in the order, the first of them last, ready to be popped."""
    groups = defaultdict(list)
    for place, (group, ticket_id) in enumerate(heads):
        groups[group].append((place, ticket_id))
    for tickets in groups.values():
        tickets.reverse()
    return groups
