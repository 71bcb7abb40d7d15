"""What the end of a wait counts as, be the ticket pulled, accepted or picked. Leaves ending it to those flows."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from router.metrics import Metrics


class Answered(Protocol):
    """A ticket that has come to an agent, after a wait that ended before its due time or did not."""

    @property
    def queue(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def waited_s(self) -> float: ...

    @property
    def met_target(self) -> bool: ...


def count_answered(tickets: Iterable[Answered], metrics: Metrics) -> None:
    """Count the tickets by place, and observe how long they waited."""
    by_place = defaultdict(list)
    for ticket in tickets:
        by_place[ticket.queue, ticket.channel].append(ticket)
    for place, answered in by_place.items():
        wait = metrics.wait.labels(*place)
        for ticket in answered:
            wait.observe(ticket.waited_s)
        met = sum(ticket.met_target for ticket in answered)
        metrics.answered.labels(*place, "true").inc(met)
        metrics.answered.labels(*place, "false").inc(len(answered) - met)
