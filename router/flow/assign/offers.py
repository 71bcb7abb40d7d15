"""Push queues: offers tickets to agents, who accept, decline, or let the offer expire.

`decide.dispatch` decides who gets which offer; `timers` ends offers that nobody answers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from router.decide.dispatch import Candidate, Moment, Offer, Waiting, confirm, dispatch
from router.domain.customer import AgentId
from router.domain.errors import Conflict
from router.domain.history import HistoryKind
from router.domain.ticket import TicketState
from router.flow.assign.claims import Assignment
from router.flow.assign.hold import Hold
from router.flow.run.transitions import Transitions, Turned
from router.flow.see.tickets import no_ticket
from router.metrics import Metrics
from router.policy.model import AssignmentRules, OfferRule, Policy, QueueMode

T = TypeVar("T")


class DispatchRound(Protocol):
    """One transaction of the dispatcher. Only `lock` locks anything that others wait for."""

    async def line(self, queues: Collection[str]) -> Sequence[Waiting]:
        """Return the first tickets in every group of the queues, and those reserved for present agents; due first."""

    async def candidates(self, line: Sequence[Waiting]) -> Sequence[Candidate]:
        """Return the live agents who may get some of these tickets; after `lock`, only the locked ones."""

    async def lock(self, agents: Collection[AgentId]) -> None:
        """Lock the agents: from here on nobody else gives them tickets."""

    async def now(self) -> datetime: ...

    async def offer(self, offers: Sequence[Offer], policy_version: str) -> Sequence[Turned]:
        """Offer what still waits where it did, each with its event; what somebody else was faster with is left out."""


class DispatchStore(Protocol):
    """The store where tickets wait and agents hold them."""

    def round(self, rules: AssignmentRules) -> AbstractAsyncContextManager[DispatchRound]:
        """Begin a round; what it offered is durable once the context ends. Raises `StoreUnavailable`."""


class Dispatcher:
    """Offers what waits in push queues. Any number may run: each decides for itself and records what still holds.

    A round decides without locks. Then it locks the agents that get something, and confirms the decision with what
    they hold by then. So an agent who gets nothing is never held up.
    """

    def __init__(self, *, store: DispatchStore, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._transitions = Transitions(metrics)

    async def offer_all(self) -> None:
        """Offer tickets until nothing more can be offered."""
        while await self._round():
            pass

    async def _round(self) -> int:
        policy = self._policy()
        rules = {queue.name: queue.offer for queue in policy.queues.values() if queue.mode is QueueMode.PUSH}
        if not rules:
            return 0
        async with self._store.round(policy.assignment) as dispatch_round:
            offered = await _offer(dispatch_round, rules, policy)
        self._transitions.report(HistoryKind.OFFER, *offered, by="timers")
        return len(offered)


async def _offer(dispatch_round: DispatchRound, rules: Mapping[str, OfferRule], policy: Policy) -> Sequence[Turned]:
    async def moment() -> Moment:
        return Moment(now=await dispatch_round.now(), grace=policy.assignment.grace)

    if not (line := await dispatch_round.line(rules.keys())):
        return []
    planned = dispatch(await dispatch_round.candidates(line), line, rules, await moment())
    if not planned:
        return []
    await dispatch_round.lock({offer.agent_id for offer in planned})
    locked = await dispatch_round.candidates([offer.waiting for offer in planned])
    return await dispatch_round.offer(confirm(planned, locked, await moment()), policy.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTicket:
    """A ticket as the answer to its offer finds it; `has_expired` if the time to answer is over."""

    state: TicketState
    assigned_to: AgentId | None
    epoch: int
    has_expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An offer that became an assignment, `after_s` seconds after it was made."""

    assignment: Assignment
    after_s: float


class Answering(Protocol):
    """One transaction in which nobody else gives the agent tickets or takes them; writes work only while offered."""

    async def ticket(self) -> OfferedTicket | None: ...

    async def accept(self) -> Accepted | None: ...

    async def decline(self) -> Turned | None:
        """Let the ticket wait on in its place."""


class OfferStore(Protocol):
    """The store where agents answer offers."""

    def answering(self, hold: Hold) -> AbstractAsyncContextManager[Answering]: ...


class Offers:
    """An agent's answers. Both raise `NotFound` for a ticket outside their teams, `Conflict` if the offer is over."""

    def __init__(self, *, store: OfferStore, metrics: Metrics) -> None:
        self._store = store
        self._transitions = Transitions(metrics)

    async def accept(self, hold: Hold) -> None:
        """Assign the offered ticket to the agent under a new lease; safe to repeat."""
        async with self._store.answering(hold) as answering:
            found = _in_own_team(hold, await answering.ticket())
            if _was_accepted(hold, found):
                return
            _check(hold, found)
            accepted = _made(hold, await answering.accept())
        self._transitions.accepted(accepted.assignment, after_s=accepted.after_s)

    async def decline(self, hold: Hold) -> None:
        """Put the ticket back into its place, for somebody else if there is anybody."""
        async with self._store.answering(hold) as answering:
            _check(hold, _in_own_team(hold, await answering.ticket()))
            declined = _made(hold, await answering.decline())
        self._transitions.report(HistoryKind.DECLINE, declined, by=hold.actor)


def _in_own_team(hold: Hold, ticket: OfferedTicket | None) -> OfferedTicket:
    if ticket is None:
        raise no_ticket(hold.lease.ticket_id)
    return ticket


def _was_accepted(hold: Hold, ticket: OfferedTicket) -> bool:
    """Whether an earlier accept, whose answer was lost, has made the next lease."""
    return (
        ticket.state is TicketState.ASSIGNED
        and ticket.assigned_to == hold.agent.id
        and ticket.epoch == hold.lease.epoch + 1
    )


def _check(hold: Hold, ticket: OfferedTicket) -> None:
    named = f"Ticket {hold.lease.ticket_id}"
    if ticket.state is not TicketState.OFFERED or ticket.assigned_to != hold.agent.id:
        raise Conflict(f"{named} is not offered to you (it is {ticket.state}): see `/v1/me/tickets` for what is.")
    if ticket.epoch != hold.lease.epoch:
        raise Conflict(f"The lease is from an earlier offer of ticket {hold.lease.ticket_id}: read it for the new one.")
    if ticket.has_expired:
        raise Conflict(f"The offer has expired: {named.lower()} waits again and may be offered to you again.")


def _made(hold: Hold, written: T | None) -> T:
    if written is None:
        raise Conflict(f"The offer of ticket {hold.lease.ticket_id} has just ended: wait for the next one.")
    return written
