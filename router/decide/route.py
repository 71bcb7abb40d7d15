"""Route: decides in which queue a ticket waits, with which skills and target. The first route that holds decides."""

from router.domain.triage import Considered, Facts, Routing
from router.domain.wait import requirement
from router.policy.model import Policy


def route(facts: Facts, policy: Policy) -> Routing:
    """What the first route whose conditions hold says; the last one is unconditional, so there is always an answer."""
    matched = next(candidate for candidate in policy.routes if candidate.when.holds(facts))
    return Routing(
        route=matched.name,
        requirement=requirement(matched.queue, policy.queues[matched.queue].team, matched.skills, facts.channel),
        target=matched.target,
        policy_version=policy.version,
    )


def considered(facts: Facts, policy: Policy) -> tuple[Considered, ...]:
    """Return the routes in the order asked, up to the one that decides."""
    asked = [Considered(candidate.name, candidate.when.why_not(facts)) for candidate in policy.routes]
    decided = next(place for place, candidate in enumerate(asked, start=1) if candidate.why_not is None)
    return tuple(asked[:decided])


def passed_over(facts: Facts, policy: Policy, decided: str) -> tuple[Considered, ...]:
    """Return the routes that were asked before the one that decided, and this one; it takes that the others failed.

    So it needs no words: conditions on them come last, and hold for no words at all. Empty if the policy has no such
    route.
    """
    asked = [Considered(candidate.name, candidate.when.why_not(facts)) for candidate in policy.routes]
    place = next((place for place, one in enumerate(asked) if one.route == decided), None)
    return () if place is None else (*asked[:place], Considered(decided, None))
