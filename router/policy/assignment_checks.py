"""Cross-checks of assignment: whether agents can carry the tickets, and what the steps of a long wait may change.

`checks` covers the routes themselves.
"""

from collections.abc import Iterator
from itertools import pairwise

from router.domain.triage import Complexity
from router.policy.checks import carried_by_routes, known, team_of
from router.policy.model import Policy, RelaxStep, Route, Team


def assignment_problems_of(policy: Policy) -> Iterator[str]:
    """Yield everything wrong with assignment as a whole; each sentence starts with the place in the file."""
    yield from _too_heavy(policy)
    yield from _wrong_overflow(policy)
    for where, route, carried in carried_by_routes(policy):
        yield from _out_of_order(where, route)
        yield from _wrong_skills(where, route)
        yield from _idle_targets(where, route)
        yield from _wrong_queues(where, route, carried, policy)


def _too_heavy(policy: Policy) -> Iterator[str]:
    capacity = policy.assignment.capacity
    for channel, weight in capacity.weights.items():
        if weight > capacity.limit:
            yield (
                f"assignment.capacity.weights.{channel}: {weight} is above the limit of {capacity.limit}, so no agent"
                " could get such a ticket; lower the weight or raise the limit"
            )


def _wrong_overflow(policy: Policy) -> Iterator[str]:
    for team in policy.teams.values():
        for other in sorted(team.overflow_to.difference(policy.teams)):
            yield f"teams.{team.name}.overflow_to: unknown team '{other}'; {known('teams', policy.teams)}"
        if team.name in team.overflow_to:
            yield f"teams.{team.name}.overflow_to: names the team itself; remove it"


def _steps(where: str, route: Route) -> Iterator[tuple[str, RelaxStep]]:
    for index, step in enumerate(route.relax):
        yield f"{where}, relax.{index}", step


def _out_of_order(where: str, route: Route) -> Iterator[str]:
    for (_, earlier), (place, step) in pairwise(_steps(where, route)):
        if step.after <= earlier.after:
            yield f"{place}.after: is not later than the step above it; put the steps in order of time"


def _wrong_skills(where: str, route: Route) -> Iterator[str]:
    left = route.skills
    for place, step in _steps(where, route):
        asked = f"at this step the ticket asks for {', '.join(left) or 'no skills'}"
        if step.drop_skills is None and not left:
            yield f"{place}.drop_skills: nothing is left to drop, {asked}; remove it"
        for skill in step.drop_skills or ():
            if skill not in left:
                yield f"{place}.drop_skills: cannot drop '{skill}', {asked}; write the skill exactly as the route does"
        left = step.keep(left)


def _idle_targets(where: str, route: Route) -> Iterator[str]:
    due = route.target
    for place, step in _steps(where, route):
        if step.target and step.after + step.target >= due:
            yield (
                f"{place}.target: does not bring the due time forward, the ticket is already due before that;"
                " shorten the target or remove it"
            )
        elif step.target:
            due = step.after + step.target


def _wrong_queues(where: str, route: Route, carried: frozenset[Complexity], policy: Policy) -> Iterator[str]:
    waits_in = route.queue
    for place, step in _steps(where, route):
        if step.queue is None:
            continue
        if step.queue == waits_in:
            yield f"{place}.queue: the ticket already waits in '{step.queue}'; name another queue or remove it"
        elif step.queue not in policy.queues:
            yield f"{place}.queue: unknown queue '{step.queue}'; {known('queues', policy.queues)}"
        elif (team := team_of(waits_in, policy)) and (other := team_of(step.queue, policy)) and team != other:
            yield from (f"{place}.queue: {problem}" for problem in _mixed(team, other, carried))
        waits_in = step.queue


def _mixed(team: Team, other: Team, carried: frozenset[Complexity]) -> Iterator[str]:
    if other.name not in team.overflow_to:
        yield (
            f"belongs to team '{other.name}', and '{team.name}' may not overflow to it;"
            f" add it to teams.{team.name}.overflow_to or name a queue of '{team.name}'"
        )
    if wrong := carried - other.takes:
        yield (
            f"can bring {min(wrong)} tickets to team '{other.name}', which takes only {min(other.takes)} ones;"
            " name a queue of a team that takes them"
        )
