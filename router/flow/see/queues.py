"""Queues as people see them: how much waits in each, and for how long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from router.domain.actor import Viewer
from router.domain.errors import Invalid, NotFound
from router.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """A queue's current state; times in seconds. `target_s` is its routes' shortest target, None if it has no route."""

    queue: str
    team: str
    description: str
    waiting: int
    overdue: int
    longest_wait_s: float
    target_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLoad:
    """The load of a queue that is not empty. Waits are in seconds; `overdue` counts tickets past their target."""

    queue: str
    team: str
    waiting: int
    overdue: int
    longest_wait_s: float


class QueueLoads(Protocol):
    """Measures the queues of a viewer's teams."""

    async def queues(self, viewer: Viewer) -> Sequence[QueueLoad]: ...

    async def queues_ever(self, viewer: Viewer) -> frozenset[str]:
        """Return all queues where the viewer's teams' tickets ever waited, even those that the policy has dropped."""


def queue_statuses(viewer: Viewer, policy: Policy, loads: Sequence[QueueLoad]) -> list[QueueStatus]:
    """Return the queues of the viewer's teams by name: the policy's, and dropped ones that still have tickets.

    A queue that the policy gave to another team appears twice while tickets of the old team wait.
    """
    loaded = {(load.queue, load.team): load for load in loads}
    idle = {
        (queue.name, queue.team): QueueLoad(queue=queue.name, team=queue.team, waiting=0, overdue=0, longest_wait_s=0)
        for queue in policy.queues.values()
        if viewer.has(queue.team)
    }
    return [_status(load, policy) for _, load in sorted((idle | loaded).items())]


def _status(load: QueueLoad, policy: Policy) -> QueueStatus:
    known = policy.queues.get(load.queue)
    targets = (route.target.total_seconds() for route in policy.routes if route.queue == load.queue)
    return QueueStatus(
        queue=load.queue,
        team=load.team,
        description=known.description if known else "",
        waiting=load.waiting,
        overdue=load.overdue,
        longest_wait_s=load.longest_wait_s,
        target_s=min(targets, default=None),
    )


def no_queue(queue: str) -> NotFound:
    """Return the error for a queue that does not exist or belongs to another team."""
    return NotFound(f"There is no queue {queue} in your teams.")


def unknown_queue(known: Iterable[str]) -> Invalid:
    """Return the error for a request that names an unknown queue."""
    return Invalid("queue", f"is not known: choose one of {', '.join(sorted(known))}")
