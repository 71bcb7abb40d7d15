"""Expect: the queues from which tickets may come to an agent at all. Leaves which of them are waiting to the claim."""

from collections.abc import Iterator, Set

from router.domain.agent import Agent
from router.policy.model import Policy, Route


def queues_for(agent: Agent, policy: Policy) -> list[str]:
    """Return, in the policy's order, the queues of the agent's teams with tickets that the agent's skills suffice for.

    Such a ticket comes by some route, at once or when a long wait has relaxed it; or by transfer alone, where no route
    leads to the queue.
    """
    asked: dict[str, list[Set[str]]] = {}
    for route in policy.routes:
        for queue, skills in _asked_by(route):
            asked.setdefault(queue, []).append(skills)
    return [
        queue.name
        for queue in policy.queues.values()
        if queue.team in agent.teams and any(agent.skills >= skills for skills in asked.get(queue.name, [frozenset()]))
    ]


def skills_wanted(agent: Agent, policy: Policy) -> list[str]:
    """Return what the routes to the queues of the agent's teams ask for, by name."""
    own = {queue.name for queue in policy.queues.values() if queue.team in agent.teams}
    return sorted({skill for route in policy.routes if route.queue in own for skill in route.skills})


def _asked_by(route: Route) -> Iterator[tuple[str, Set[str]]]:
    """Where a ticket of the route waits and what it asks for there, from its first step to its last."""
    queue, skills = route.queue, route.skills
    yield queue, frozenset(skills)
    for step in route.relax:
        queue, skills = step.queue or queue, step.keep(skills)
        yield queue, frozenset(skills)
