"""Cross-checks of assignment: whether agents can carry what comes, and what the steps of a long wait may change.

Leaves the routes themselves to `checks`.
"""

from collections.abc import Iterator
from itertools import pairwise

from router.domain.triage import Complexity
from router.policy.checks import carried_by_routes, known, team_of
from router.policy.model import Policy, RelaxStep, Route, Team


def assignment_problems_of(policy: Policy) -> Iterator[str]:
    """Everything wrong with assignment as a whole, each a sentence that starts with the place in the file."""
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
                f"assignment.capacity.weights.{channel}: {weight} is above the limit of {capacity.limit}, so that"
                " nobody could be given such a ticket; lower the weight or raise the limit"
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
            yield f"{place}.after: is not later than that of the step above it; put the steps in the order of time"


def _wrong_skills(where: str, route: Route) -> Iterator[str]:
    left = route.skills
    for place, step in _steps(where, route):
        asked = f"the ticket asks for {', '.join(left) or 'none'} by then"
        if step.drop_skills is None and not left:
            yield f"{place}.drop_skills: there is nothing to drop, {asked}; remove it"
        for skill in step.drop_skills or ():
            if skill not in left:
                yield f"{place}.drop_skills: '{skill}' cannot be dropped, {asked}; write the skill as it is there"
        left = step.keep(left)


def _idle_targets(where: str, route: Route) -> Iterator[str]:
    due = route.target
    for place, step in _steps(where, route):
        if step.target and step.after + step.target >= due:
            yield (
                f"{place}.target: brings nothing forward, the ticket is due before that anyway;"
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
            yield f"{place}.queue: the ticket waits in '{step.queue}' already; name another queue or remove it"
        elif step.queue not in policy.queues:
            yield f"{place}.queue: unknown queue '{step.queue}'; {known('queues', policy.queues)}"
        elif (team := team_of(waits_in, policy)) and (other := team_of(step.queue, policy)) and team != other:
            yield from (f"{place}.queue: {problem}" for problem in _mixed(team, other, carried))
        waits_in = step.queue


def _mixed(team: Team, other: Team, carried: frozenset[Complexity]) -> Iterator[str]:
    if other.name not in team.overflow_to:
        yield (
            f"belongs to team '{other.name}', to which '{team.name}' may not overflow;"
            f" add it to teams.{team.name}.overflow_to or name a queue of '{team.name}'"
        )
    if wrong := carried - other.takes:
        yield (
            f"can bring {min(wrong)} tickets to team '{other.name}', which takes only {min(other.takes)} ones;"
            " name a queue of a team that takes them"
        )
