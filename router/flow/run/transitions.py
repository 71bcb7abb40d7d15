"""What follows from a ticket's transition once it is committed: what it counts as, and its line in the log."""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple, Protocol

import structlog

from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.history import LEADS_TO, HistoryKind, HistoryReason
from router.domain.ticket import TicketId, TicketState
from router.metrics import Metrics

log = structlog.get_logger(__name__)

_OFFER_ENDS = {HistoryKind.DECLINE: "declined", HistoryKind.EXPIRE: "expired"}
_CONTACT_ENDS = {HistoryKind.WRAP_UP, HistoryKind.RESOLVE, HistoryKind.MERGE}
_LINES = {state: f"ticket {state}" for state in TicketState} | {TicketState.WRAP_UP: "ticket in wrap-up"}


class Before(Protocol):
    """A ticket as it was before: `TicketNow`, or `Turned`."""

    @property
    def id(self) -> TicketId: ...

    @property
    def state(self) -> TicketState: ...

    @property
    def assigned_to(self) -> AgentId | None: ...

    @property
    def queue(self) -> str: ...

    @property
    def channel(self) -> str: ...


class Turned(NamedTuple):
    """A ticket that went through a transition: its state before, the agent who had or got it, and its queue."""

    id: TicketId
    state: TicketState
    assigned_to: AgentId | None
    queue: str
    channel: str


class Assigned(Protocol):
    """A ticket that has come to an agent, after a wait that ended before its due time or did not."""

    @property
    def agent_id(self) -> AgentId: ...

    @property
    def lease(self) -> Lease: ...

    @property
    def queue(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def waited_s(self) -> float: ...

    @property
    def met_target(self) -> bool: ...


class Transitions:
    """Counts and logs transitions. Code that moves a ticket reports it here once, after the commit."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def report(
        self,
        kind: HistoryKind,
        *tickets: Before,
        by: object,
        reason: HistoryReason | None = None,
        to: str | None = None,
    ) -> None:
        """Report anything but assignments; `to` is the queue where the tickets wait now, if that is another.

        `kind`, `reason` and `by` are those of the history.
        """
        why = {"reason": reason.value} if reason else {}
        for ticket in tickets:
            self._count(kind, reason, ticket, to or ticket.queue)
            whose = {"agent_id": ticket.assigned_to} if ticket.assigned_to else {}
            log.info(
                _LINES[LEADS_TO[kind]],
                ticket_id=ticket.id,
                queue=to or ticket.queue,
                kind=kind.value,
                **why,
                **whose,
                by=str(by),
            )

    def assigned(self, *tickets: Assigned, reason: HistoryReason | None = None) -> None:
        """Report tickets that agents pulled or picked."""
        self._count_waits(tickets)
        why = {"reason": reason.value} if reason else {}
        for ticket in tickets:
            log.info(
                _LINES[TicketState.ASSIGNED],
                ticket_id=ticket.lease.ticket_id,
                queue=ticket.queue,
                kind=HistoryKind.ACCEPT.value,
                **why,
                by=f"agent:{ticket.agent_id}",
            )

    def accepted(self, ticket: Assigned, *, after_s: float) -> None:
        """Report an offer that an agent accepted, `after_s` seconds after it was made."""
        self._metrics.offers.labels(ticket.queue, "accepted").inc()
        self._metrics.time_to_accept.labels(ticket.queue).observe(after_s)
        self.assigned(ticket)

    def _count(self, kind: HistoryKind, reason: HistoryReason | None, ticket: Before, queue: str) -> None:
        metrics = self._metrics
        if ticket.state is TicketState.OFFERED:
            metrics.offers.labels(ticket.queue, _OFFER_ENDS.get(kind, "withdrawn")).inc()
        if kind is HistoryKind.QUEUE or reason is HistoryReason.REASSIGNED:
            metrics.queued.labels(queue, ticket.channel, reason).inc()
        elif kind is HistoryKind.ABANDON:
            metrics.abandoned.labels(queue, ticket.channel).inc()
        elif kind in _CONTACT_ENDS and ticket.state is not TicketState.WRAP_UP:
            metrics.resolved.labels(queue, ticket.channel).inc()

    def _count_waits(self, tickets: Collection[Assigned]) -> None:
        by_place = defaultdict(list)
        for ticket in tickets:
            by_place[ticket.queue, ticket.channel].append(ticket)
        for place, answered in by_place.items():
            wait = self._metrics.wait.labels(*place)
            for ticket in answered:
                wait.observe(ticket.waited_s)
            met = sum(ticket.met_target for ticket in answered)
            self._metrics.answered.labels(*place, "true").inc(met)
            self._metrics.answered.labels(*place, "false").inc(len(answered) - met)
