"""Route: decides in which queue a ticket waits, with which skills and target. The first route that holds decides."""

from router.domain.triage import Facts, Routing
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
