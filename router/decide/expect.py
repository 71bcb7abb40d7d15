"""Expect: the queues from which an agent can get tickets at all, whether or not any wait there."""

from collections.abc import Iterator, Set

from router.domain.agent import Agent
from router.policy.model import Policy, Route


def queues_for(agent: Agent, policy: Policy) -> list[str]:
    """Return the queues of the agent's teams, in the policy's order, where the agent's skills are enough for a ticket.

    Such a ticket comes by a route, at once or after a long wait has relaxed it; or only by transfer, if no route leads
    to the queue.
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
    """Return the skills that the routes to the agent's teams' queues ask for, by name."""
    own = {queue.name for queue in policy.queues.values() if queue.team in agent.teams}
    return sorted({skill for route in policy.routes if route.queue in own for skill in route.skills})


def _asked_by(route: Route) -> Iterator[tuple[str, Set[str]]]:
    """Yield the queues where a ticket of the route waits, and the skills it asks for there, step by step."""
    queue, skills = route.queue, route.skills
    yield queue, frozenset(skills)
    for step in route.relax:
        queue, skills = step.queue or queue, step.keep(skills)
        yield queue, frozenset(skills)
