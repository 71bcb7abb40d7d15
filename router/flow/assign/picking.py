"""Cherry-picking: agents see what waits in a queue and choose a ticket, if the policy allows it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from router.domain.actor import Teams, Viewer
from router.domain.agent import Agent, Lease
from router.domain.customer import AgentId
from router.domain.eligibility import Standing
from router.domain.errors import Conflict, Refused
from router.domain.history import HistoryReason
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.flow.assign.claims import Assignment
from router.flow.run.transitions import Transitions
from router.flow.see.obstacles import why_not
from router.flow.see.queues import no_queue
from router.flow.see.tickets import TicketLine, no_ticket
from router.flow.see.why import asked_of
from router.metrics import Metrics
from router.policy.model import AssignmentRules, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """Where a page of waiting tickets ended, in order of due times."""

    due_at: datetime
    ticket_id: TicketId


class PickingWork(Protocol):
    """One transaction in which an agent takes a ticket of their choice."""

    async def lock_agents(self, agents: Collection[AgentId]) -> None: ...

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]: ...

    async def standing(self, agent: Agent, ticket: TicketNow, rules: AssignmentRules) -> Standing: ...

    async def take(self, agent: Agent, ticket: TicketNow, policy_version: str) -> Assignment: ...


class PickingStore(Protocol):
    """The store where tickets wait to be chosen."""

    def work(self) -> AbstractAsyncContextManager[PickingWork]: ...

    async def waiting(self, viewer: Viewer, queue: str, *, after: After | None, limit: int) -> Sequence[TicketLine]:
        """Return what waits for anybody, or is reserved for the viewer; due first."""


class Picking:
    """What agents do in queues with `cherry_pick`. Queues and tickets of other teams raise `NotFound`."""

    def __init__(self, *, store: PickingStore, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._transitions = Transitions(metrics)

    async def waiting(self, viewer: Viewer, queue: str, *, after: After | None, limit: int) -> Sequence[TicketLine]:
        """Return a page of what waits in the queue; raises `Refused` if agents may not choose there."""
        policy = self._policy()
        known = policy.queues.get(queue)
        if known is None or not viewer.has(known.team):
            raise no_queue(queue)
        _check_choosable(queue, policy)
        return await self._store.waiting(viewer, queue, after=after, limit=limit)

    async def take(self, agent: Agent, ticket_id: TicketId) -> Lease:
        """Assign a waiting ticket to the agent who chose it; safe to repeat.

        Raises `Conflict` if somebody was faster, `Refused` if the policy or the agent's skills, presence or capacity
        forbid it.
        """
        policy = self._policy()
        async with self._store.work() as work:
            await work.lock_agents([agent.id])
            ticket = (await work.lock_tickets([ticket_id], agent.teams)).get(ticket_id)
            if ticket is None:
                raise no_ticket(ticket_id)
            if ticket.state is TicketState.ASSIGNED and ticket.assigned_to == agent.id:
                return Lease(ticket.id, ticket.epoch)
            _check_choosable(ticket.queue, policy)
            if ticket.state is not TicketState.QUEUED:
                raise Conflict(f"Ticket {ticket_id} is {ticket.state}: somebody was faster, choose another one.")
            asked = asked_of(ticket.wait, policy, now=ticket.now, reserved_for=ticket.wait.reserved_for)
            if why := why_not(await work.standing(agent, ticket, policy.assignment), asked):
                raise Refused(f"You cannot take ticket {ticket_id}: {agent.name} {why}.")
            assignment = await work.take(agent, ticket, policy.version)
        self._transitions.assigned(assignment, reason=HistoryReason.PICKED)
        return assignment.lease


def _check_choosable(queue: str, policy: Policy) -> None:
    known = policy.queues.get(queue)
    if known is None or not known.cherry_pick:
        raise Refused(f"Agents cannot choose tickets in queue {queue}: ask for the next one.")
