"""Who works in the demonstration: agents for every team of the policy, with the skills that its routes ask for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from router.domain.skills import HIGHEST
from router.policy.model import Policy

_NAMES = ("Amal", "Bruno", "Chioma", "Dana", "Eero", "Farah", "Goran", "Hana", "Ines", "Jamal", "Kofi", "Lena")
_AT_WORK = 10
VISITOR = "Visitor"
"""An agent of every team whom nobody plays: whoever watches may work with their token."""


@dataclass(frozen=True, slots=True)
class Person:
    """An agent as the operator creates them."""

    name: str
    teams: tuple[str, ...]
    skills: tuple[str, ...] = ()


def staff(policy: Policy) -> list[Person]:
    """Return agents for each team, the more the more routes lead to it; every other one has all of its skills."""
    routes = Counter(policy.queues[route.queue].team for route in policy.routes)
    people: list[Person] = []
    for team in policy.teams:
        for place in range(max(1, round(_AT_WORK * routes[team] / routes.total()))):
            number = len(people)
            name = f"{_NAMES[number % len(_NAMES)]}{number // len(_NAMES) + 1 if number >= len(_NAMES) else ''}"
            people.append(Person(name, (team,), () if place % 2 else skills_of(team, policy)))
    return people


def visitor(policy: Policy) -> Person:
    """Return the agent for whoever watches."""
    skills = {skill for team in policy.teams for skill in skills_of(team, policy)}
    return Person(VISITOR, tuple(policy.teams), tuple(sorted(skills)))


def skills_of(team: str, policy: Policy) -> tuple[str, ...]:
    """Return every skill that some route to the team asks for, at the highest level."""
    asked = {skill for route in policy.routes if policy.queues[route.queue].team == team for skill in route.skills}
    return tuple(sorted({_at_best(skill) for skill in asked}))


def _at_best(skill: str) -> str:
    return skill if skill.startswith("language:") else f"{skill.partition(':')[0]}:{HIGHEST}"


def other_queues(team: str, complexity: str, policy: Policy) -> Sequence[str]:
    """Return the queues of other teams to which the team's agents may transfer such a ticket."""
    own = policy.teams[team]
    return [
        queue.name
        for queue in policy.queues.values()
        if queue.team != team and (complexity in policy.teams[queue.team].takes or queue.team in own.overflow_to)
    ]
