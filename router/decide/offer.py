"""Offer: which waiting agent is given which waiting ticket. Leaves taking it, or losing it to somebody, to the flow."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from router.domain.customer import AgentId
from router.domain.ticket import TicketId


@dataclass(frozen=True, slots=True)
class Asking:
    """An agent who waits for work, and the groups whose tickets the agent may be given."""

    agent_id: AgentId
    groups: Sequence[int]


@dataclass(frozen=True, slots=True)
class Line:
    """The tickets that wait in one group, earliest due first, as deep as agents ask for them."""

    group: int
    tickets: Sequence[tuple[datetime, TicketId]]


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


def offer(asking: Sequence[Asking], lines: Iterable[Line]) -> list[Match]:
    """Give each agent, in order of arrival, the ticket due first of all that are left in the agent's groups.

    Of tickets due at the same time the older one (the smaller id) comes first. Agents for whom nothing is left are
    not in the result.
    """
    left = {line.group: list(reversed(line.tickets)) for line in lines if line.tickets}
    matches = []
    for agent in asking:
        mine = [left[group] for group in agent.groups if left.get(group)]
        if mine:
            _, ticket_id = min(mine, key=lambda line: line[-1]).pop()
            matches.append(Match(agent.agent_id, ticket_id))
    return matches
