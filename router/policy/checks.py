"""Cross-checks that need more than one field, such as names that must exist and teams that must stay apart."""

from collections.abc import Collection, Iterator

from router.domain.triage import Complexity
from router.policy.conditions import When
from router.policy.fields import duration
from router.policy.model import Policy, Route, Team, Trait


def problems_of(policy: Policy) -> Iterator[str]:
    """Yield everything wrong with the policy as a whole; each sentence starts with the place in the file."""
    yield from _unknown_teams(policy)
    yield from _idle_teams(policy)
    yield from _duplicate_routes(policy)
    yield from _unknown_queues(policy)
    yield from _undeclared(policy)
    yield from _unreachable_routes(policy)
    yield from _no_answer(policy)
    yield from _mixed_teams(policy)


def warnings_of(policy: Policy) -> Iterator[str]:
    """Yield what is allowed and yet hardly meant: a route that takes messages from a later one with a tighter target.

    An earlier route that is the narrower of the two is an exception on purpose.
    """
    routes = list(carried_by_routes(policy))
    for later, (later_place, hidden, left) in enumerate(routes):
        for earlier, (earlier_place, route, carried) in enumerate(routes[:later]):
            if carried & left and _hides(route, hidden, before=[asked for _, asked, _ in routes[:earlier]]):
                yield (
                    f"{earlier_place}: hides the tighter target of {later_place}: what both match is due in"
                    f" {duration(route.target)}, not {duration(hidden.target)}; add a route for both before it"
                )


def _hides(route: Route, hidden: Route, *, before: Collection[Route]) -> bool:
    """Whether a message that both match reaches the earlier one, although the later one has the tighter target."""
    both = route.when.both(hidden.when)
    if both is None or route.target <= hidden.target or hidden.when.covers(route.when):
        return False
    return not all(any(asked.when.covers(part) for asked in before) for part in both.of_one_value_each())


def place(index: int, route: Route) -> str:
    return f"routes[{index}] '{route.name}'"


def known(what: str, names: Collection[str]) -> str:
    return f"known {what} are {', '.join(names)}" if names else f"there are no {what}"


def carried_by_routes(policy: Policy) -> Iterator[tuple[str, Route, frozenset[Complexity]]]:
    """Yield each route with its place in the file and the complexities that can reach it."""
    left = frozenset(Complexity)
    for index, route in enumerate(policy.routes):
        carried = _carries(route.when, left)
        yield place(index, route), route, carried
        if _decides_by_complexity_alone(route.when):
            left -= carried


def _unknown_teams(policy: Policy) -> Iterator[str]:
    for queue in policy.queues.values():
        if queue.team not in policy.teams:
            yield f"queues.{queue.name}: unknown team '{queue.team}'; {known('teams', policy.teams)}"


def _idle_teams(policy: Policy) -> Iterator[str]:
    working = {queue.team for queue in policy.queues.values()}
    for team in policy.teams:
        if team not in working:
            yield f"teams.{team}: has no queue; give it one or remove it"


def _duplicate_routes(policy: Policy) -> Iterator[str]:
    seen: set[str] = set()
    for index, route in enumerate(policy.routes):
        if route.name in seen:
            yield f"{place(index, route)}: another route already has this name; choose another"
        seen.add(route.name)


def _unknown_queues(policy: Policy) -> Iterator[str]:
    for index, route in enumerate(policy.routes):
        if route.queue not in policy.queues:
            yield f"{place(index, route)}: unknown queue '{route.queue}'; {known('queues', policy.queues)}"


def _undeclared(policy: Policy) -> Iterator[str]:
    tiers = [tier for tier, _ in policy.tiers]
    for index, route in enumerate(policy.routes):
        for tier in sorted((route.when.wanted("tier") or frozenset()).difference(tiers)):
            yield f"{place(index, route)}: unknown tier '{tier}'; {known('tiers', tiers)}"
        for language in sorted((route.when.wanted("language") or frozenset()).difference(policy.triage.languages)):
            if policy.triage.languages:
                yield (
                    f"{place(index, route)}: language '{language}' is not recognised;"
                    f" triage.languages are {', '.join(policy.triage.languages)}"
                )
    for signal in policy.triage.traits:
        if signal.trait is Trait.TIER:
            for tier in sorted(signal.values.difference(tiers)):
                yield f"triage.signals.{signal.name}: unknown tier '{tier}'; {known('tiers', tiers)}"


def _unreachable_routes(policy: Policy) -> Iterator[str]:
    for index, route in enumerate(policy.routes):
        earlier = next((other for other in policy.routes[:index] if other.when.covers(route.when)), None)
        if earlier:
            yield f"{place(index, route)}: is never reached, '{earlier.name}' above it already takes all its tickets"


def _no_answer(policy: Policy) -> Iterator[str]:
    last = policy.routes[-1]
    if last.when.conditions:
        where = place(len(policy.routes) - 1, last)
        yield f"{where}: the last route must have no conditions, so that every ticket finds a route"


def _mixed_teams(policy: Policy) -> Iterator[str]:
    for where, route, carried in carried_by_routes(policy):
        if (team := team_of(route.queue, policy)) and (wrong := carried - team.takes):
            yield f"{where}: {_mixed(route, team, min(wrong))}"


def _mixed(route: Route, team: Team, wrong: Complexity) -> str:
    takes = min(team.takes)
    remedy = f"add 'complexity: {takes}'" if route.when.conditions else f"add a route above it for every {wrong} ticket"
    return (
        f"can bring {wrong} tickets to team '{team.name}', which takes only {takes} ones;"
        f" {remedy}, or let the team take any"
    )


def team_of(queue_name: str, policy: Policy) -> Team | None:
    """Return the team of a queue, if the file has both."""
    queue = policy.queues.get(queue_name)
    return policy.teams.get(queue.team) if queue else None


def _carries(when: When, left: frozenset[Complexity]) -> frozenset[Complexity]:
    wanted = when.wanted("complexity")
    return left if wanted is None else frozenset(c for c in left if c in wanted)


def _decides_by_complexity_alone(when: When) -> bool:
    return all(condition.key == "complexity" for condition in when.conditions)
