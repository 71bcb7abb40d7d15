"""Transfer: where a ticket may be moved to."""

from collections.abc import Collection

from router.domain.triage import Complexity
from router.domain.wait import Requirement
from router.policy.model import Policy


def why_refused(queue: str, *, from_team: str, complexity: Complexity, policy: Policy) -> str | None:
    """Say why a ticket of this complexity may not go from the team to the queue; None if it may.

    A team gets what it takes, what it already has, and what the other team may overflow to it.
    """
    to = policy.teams[policy.queues[queue].team]
    known = policy.teams.get(from_team)
    if to.name == from_team or complexity in to.takes or (known and to.name in known.overflow_to):
        return None
    takes = " or ".join(sorted(to.takes))
    return (
        f"Queue {queue} belongs to team {to.name}, which takes {takes} tickets, but this one is {complexity}: "
        "choose another queue."
    )


def queues_of(teams: Collection[str], wanted: Requirement, policy: Policy) -> list[str]:
    """Return the queues of these teams where the ticket may wait: its own first, then the others in policy order."""
    theirs = [queue for queue in policy.queues.values() if queue.team in teams]
    # the sort is stable: all others keep their order
    first = sorted(theirs, key=lambda queue: (queue.name, queue.team) != (wanted.queue, wanted.team))
    return [queue.name for queue in first]
