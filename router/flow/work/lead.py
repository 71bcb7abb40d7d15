"""A lead's tools: move a ticket that anybody holds, take an agent's tickets away, close in bulk, undo, and ask why.

A lead works on the tickets and agents of their own teams, an admin on all; anything else raises `NotFound`.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from router.domain.actor import Actor, Teams, Viewer
from router.domain.customer import AgentId, ContactOutcome, Customer, CustomerId
from router.domain.eligibility import Standing
from router.domain.errors import Conflict
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.wait import Wait
from router.flow.assign.presence import report_withdrawn
from router.flow.run.transitions import Transitions, Turned
from router.flow.see.agents import no_agent
from router.flow.see.queues import no_queue
from router.flow.see.tickets import no_ticket
from router.flow.see.why import Stuck, Why, explain
from router.flow.work.moves import Moves
from router.flow.work.transfer import Destination, wait_at
from router.metrics import Metrics
from router.policy.model import AssignmentRules, Policy

log = structlog.get_logger(__name__)

CLOSED_AT_ONCE = 500
_MOVABLE = frozenset({TicketState.QUEUED, TicketState.OFFERED, TicketState.ASSIGNED, TicketState.SNOOZED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Misroute:
    """A transfer or relaxation that can be undone: its line in the history, and the wait that the ticket was in."""

    event_id: int
    was: Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Closable:
    """Waiting tickets to close: those in `queue` that have waited since before `before`."""

    queue: str
    before: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A ticket that a bulk close has ended."""

    ticket_id: TicketId
    customer_id: CustomerId
    channel: str


class LeadWork(Moves, Protocol):
    """One transaction of a lead's tool."""

    async def now(self) -> datetime: ...

    async def lock_agent_named(self, name: str, teams: Teams) -> AgentId | None: ...

    async def set_draining(self, agent_id: AgentId, by: Actor, *, is_draining: bool) -> Sequence[Turned]:
        """Write the change and who made it. If the agent now drains, withdraw their offers and return these tickets."""

    async def requeue(self, agent_id: AgentId, by: Actor) -> Sequence[Turned]:
        """Let everything that the agent is offered or assigned wait again, each at the place it had."""

    async def misroute(self, ticket: TicketNow) -> Misroute | None:
        """Return the last transfer or relaxation that has not been undone."""

    async def customers_waiting(self, closable: Closable, teams: Teams, *, limit: int) -> Sequence[CustomerId]:
        """Return the customers of the next `limit` tickets."""

    async def lock_customers(self, customers: Collection[CustomerId]) -> Sequence[Customer]: ...

    async def close(
        self, closable: Closable, customers: Collection[CustomerId], by: Actor, *, limit: int
    ) -> Sequence[Ended]:
        """Resolve these customers' waiting tickets there, except those that somebody is writing to."""


class LeadStore(Protocol):
    """Opens transactions for a lead's tools."""

    def work(self) -> AbstractAsyncContextManager[LeadWork]: ...

    async def stuck(self, viewer: Viewer, ticket_id: TicketId) -> Stuck | None: ...

    async def standings(self, viewer: Viewer, stuck: Stuck, rules: AssignmentRules) -> Sequence[Standing]:
        """Return the standings of the ticket's team, by name, and of the agent it is reserved for, if visible."""


class Lead:
    """What leads and admins do with tickets and agents."""

    def __init__(self, *, store: LeadStore, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._transitions = Transitions(metrics)

    async def reassign(self, by: Actor, ticket_id: TicketId, to: Destination) -> None:
        """Move the ticket to a queue or an agent, where it waits again; its holder loses it.

        Raises `Invalid` for an unknown queue or agent, `Refused` if the policy forbids it, `Conflict` if the ticket has
        ended.
        """
        async with self._store.work() as work:
            ticket = await _seize(work, by, ticket_id)
            policy = self._policy()
            wait = await wait_at(to, ticket, policy, work)
            noted = {"note": await work.note(ticket, by, to.note)} if to.note else {}
            why = {"reason": HistoryReason.REASSIGNED, "policy_version": policy.version, "was": ticket.wait.as_data()}
            await work.enqueue(ticket, wait, by, kind=HistoryKind.REASSIGN, holder=ticket.assigned_to, **why, **noted)
        self._transitions.report(
            HistoryKind.REASSIGN, ticket, by=by, reason=HistoryReason.REASSIGNED, to=wait.requirement.queue
        )

    async def undo(self, by: Actor, ticket_id: TicketId) -> None:
        """Restore the queue, skills and times that the ticket had before it was last moved or relaxed.

        Raises `Conflict` if there is nothing to undo, or the queue it came from no longer exists.
        """
        async with self._store.work() as work:
            ticket = await _seize(work, by, ticket_id)
            misroute = await work.misroute(ticket)
            if misroute is None:
                raise Conflict(
                    f"There is nothing to undo: ticket {ticket_id} was not moved, or that is undone already."
                )
            queue = misroute.was.requirement.queue
            if queue not in self._policy().queues:
                raise Conflict(f"Ticket {ticket_id} was in queue {queue}, which no longer exists: reassign the ticket.")
            why = {"reason": HistoryReason.UNDONE, "undone": misroute.event_id, "holder": ticket.assigned_to}
            await work.enqueue(ticket, misroute.was, by, kind=HistoryKind.REASSIGN, **why)
        self._transitions.report(HistoryKind.REASSIGN, ticket, by=by, reason=HistoryReason.UNDONE, to=queue)

    async def drain(self, by: Actor, name: str, *, is_draining: bool) -> None:
        """Stop giving the agent new tickets, or start again; they keep the tickets assigned to them."""
        async with self._store.work() as work:
            withdrawn = await work.set_draining(await _agent(work, by, name), by, is_draining=is_draining)
        report_withdrawn(withdrawn, self._transitions, by=by)
        log.info("agent drained" if is_draining else "agent no longer drained", by=str(by), agent=name)

    async def requeue(self, by: Actor, name: str) -> int:
        """Put all of an agent's tickets back into their places in the queues; return how many."""
        async with self._store.work() as work:
            released = await work.requeue(await _agent(work, by, name), by)
        self._transitions.report(HistoryKind.RELEASE, *released, by=by, reason=HistoryReason.REQUEUED)
        return len(released)

    async def close(self, by: Actor, queue: str, *, why: str, older_than: timedelta | None = None) -> int:
        """Resolve what has waited in the queue for `older_than`, or all that waits now; return how many tickets.

        Closes 500 per transaction and skips tickets that somebody is writing to at the time.
        """
        async with self._store.work() as work:
            now = await work.now()
            await self._check_theirs(work, by, Closable(queue=queue, before=now, why=why))
        closable = Closable(queue=queue, before=now - (older_than or timedelta()), why=why)
        closed = 0
        while ended := await self._close_some(by, closable):
            closed += ended
        log.info("queue closed", by=str(by), queue=queue, closed=closed)
        return closed

    async def why(self, by: Actor, ticket_id: TicketId) -> Why:
        """Say where the ticket waits, what keeps each agent in the team from it, and what will happen by itself."""
        viewer = Viewer.of(by)
        stuck = await self._store.stuck(viewer, ticket_id)
        if stuck is None:
            raise no_ticket(ticket_id)
        policy = self._policy()
        return explain(stuck, await self._store.standings(viewer, stuck, policy.assignment), policy)

    async def _check_theirs(self, work: LeadWork, by: Actor, closable: Closable) -> None:
        """Check that the queue is theirs: while their tickets wait in it, even if the policy dropped or moved it."""
        known = self._policy().queues.get(closable.queue)
        if known and by.has(known.team):
            return
        if not await work.customers_waiting(closable, by.teams, limit=1):
            raise no_queue(closable.queue)

    async def _close_some(self, by: Actor, closable: Closable) -> int:
        async with self._store.work() as work:
            waiting = await work.customers_waiting(closable, by.teams, limit=CLOSED_AT_ONCE)
            customers = {customer.id: customer for customer in await work.lock_customers(set(waiting))}
            ended = await work.close(closable, customers.keys(), by, limit=CLOSED_AT_ONCE)
            for one in ended:
                known = customers[one.customer_id]
                customers[one.customer_id] = known.with_outcome(one.ticket_id, ContactOutcome.RESOLVED)
            await work.remember(*customers.values())
        closed = [Turned(one.ticket_id, TicketState.QUEUED, None, closable.queue, one.channel) for one in ended]
        self._transitions.report(HistoryKind.RESOLVE, *closed, by=by, reason=HistoryReason.CLOSED)
        return len(closed)


async def _seize(work: LeadWork, by: Actor, ticket_id: TicketId) -> TicketNow:
    """Lock the ticket, and its holder first: from here on they cannot write to it."""
    seen = await work.ticket(ticket_id, by.teams)
    if seen and seen.assigned_to:
        await work.lock_agents([seen.assigned_to])
    ticket = (await work.lock_tickets([ticket_id], by.teams)).get(ticket_id)
    if seen is None or ticket is None:
        raise no_ticket(ticket_id)
    if ticket.assigned_to != seen.assigned_to:
        raise Conflict(f"Ticket {ticket_id} has just changed hands: try again.")
    if ticket.state not in _MOVABLE:
        raise Conflict(
            f"Ticket {ticket_id} is {ticket.state}: only tickets that are open and not in wrap-up can be moved."
        )
    return ticket


async def _agent(work: LeadWork, by: Actor, name: str) -> AgentId:
    agent_id = await work.lock_agent_named(name, by.teams)
    if agent_id is None:
        raise no_agent(name, by.teams)
    return agent_id
