"""What agents do with the tickets they hold, from the first reply to the end.

Every write names a lease, and the statement itself checks it again: the first check gives a clear answer, the second
one makes it safe.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from channels.message import OutboundMessage
from router.decide.wait import wake
from router.domain.actor import Actor
from router.domain.customer import ContactOutcome, Customer
from router.domain.errors import Conflict, Invalid, Refused
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import OPEN_STATES, TicketId, TicketNow, TicketState
from router.flow.assign.hold import ASSIGNED, WRAPPING_UP, Hold, check_read, checked
from router.flow.run.transitions import Transitions
from router.flow.work.compose import Addressed, MailIdentity, compose
from router.flow.work.moves import Moves
from router.flow.work.transfer import Destination, wait_at
from router.metrics import Metrics
from router.policy.model import Policy

log = structlog.get_logger(__name__)

LONGEST_SNOOZE = timedelta(days=365)
_MERGEABLE = OPEN_STATES - {TicketState.WRAP_UP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """A recorded answer; if it was the ticket's first, `first_reply_after_s` is the seconds since the ticket began."""

    message_id: int
    conversation_id: int
    customer_wrote_since_read: bool
    first_reply_after_s: float | None = None


class Work(Moves, Protocol):
    """One transaction at the desk. Writes raise `Conflict` if the lease has become stale in the meantime."""

    async def conversation(self, ticket: TicketNow, conversation_id: int | None) -> Addressed | None: ...

    async def reply(
        self, hold: Hold, ticket: TicketNow, answer: OutboundMessage, *, read_up_to: int | None
    ) -> Replied: ...

    async def snooze(self, ticket: TicketNow, by: Actor, until: datetime | None) -> None: ...

    async def wrap_up(self, ticket: TicketNow, by: Actor, lasts: timedelta, **why: object) -> None: ...

    async def lock_conversations(self, ticket: TicketNow) -> None: ...

    async def merge(self, ticket: TicketNow, into: TicketNow, by: Actor) -> None: ...


class DeskStore(Protocol):
    """Opens transactions at the desk."""

    def work(self) -> AbstractAsyncContextManager[Work]: ...

    async def see(self, hold: Hold) -> None: ...


class Desk:
    """An agent's writes. All raise `NotFound` for a ticket outside their teams and `Conflict` if the lease is over."""

    def __init__(self, *, store: DeskStore, policy: Callable[[], Policy], mail: MailIdentity, metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._mail = mail
        self._metrics = metrics
        self._transitions = Transitions(metrics)

    async def see(self, hold: Hold) -> None:
        """Note that the agent has the ticket on screen, so that `next` may give another one."""
        await self._store.see(hold)

    async def reply(
        self, hold: Hold, text: str, *, conversation_id: int | None = None, read_up_to: int | None = None
    ) -> Replied:
        """Answer in the named conversation, or in the one where the customer last wrote.

        Raises `Invalid` if the ticket has no such conversation.
        """
        async with self._store.work() as work:
            held = await _held(work, hold)
            addressed = await work.conversation(held, conversation_id)
            if addressed is None:
                raise Invalid("conversation", "does not belong to this ticket: see `conversations` on its page")
            answer = compose(addressed, text, self._mail)
            replied = await work.reply(hold, held, answer, read_up_to=read_up_to)
        if replied.first_reply_after_s is not None:
            self._metrics.first_reply.labels(held.queue, held.channel).observe(replied.first_reply_after_s)
        _log("ticket answered", hold, message_id=replied.message_id, conversation_id=replied.conversation_id)
        return replied

    async def note(self, hold: Hold, text: str) -> int:
        """Write a note that only agents read, also in wrap-up; return its message id."""
        async with self._store.work() as work:
            held = await _held(work, hold, in_states=ASSIGNED | WRAPPING_UP)
            message_id = await work.note(held, hold.actor, text)
        _log("ticket noted", hold, message_id=message_id)
        return message_id

    async def transfer(self, hold: Hold, to: Destination) -> None:
        """Move the ticket to another queue or agent; it waits again with the target it had.

        Raises `Invalid` for an unknown queue or agent, `Refused` if the policy forbids it.
        """
        async with self._store.work() as work:
            await work.lock_agents([hold.agent.id])
            held = await _locked(work, hold)
            policy = self._policy()
            wait = await wait_at(to, held, policy, work)
            noted: dict[str, Any] = {"note": await work.note(held, hold.actor, to.note)} if to.note else {}
            await work.enqueue(
                held,
                wait,
                hold.actor,
                reason=HistoryReason.TRANSFERRED,
                policy_version=policy.version,
                was=held.wait.as_data(),
                **noted,
            )
        why, queue = HistoryReason.TRANSFERRED, wait.requirement.queue
        self._transitions.report(HistoryKind.QUEUE, held, by=hold.actor, reason=why, to=queue)

    async def snooze(self, hold: Hold, *, until: datetime | None = None, read_up_to: int | None = None) -> None:
        """Put the ticket aside until then, or until the customer writes; meanwhile it takes nobody's capacity.

        Raises `Invalid` if `until` has passed or is more than a year ahead, `Conflict` if the customer has written
        after `read_up_to`.
        """
        async with self._store.work() as work:
            await work.lock_agents([hold.agent.id])
            held = await _locked(work, hold)
            if until is not None and not held.now < until <= held.now + LONGEST_SNOOZE:
                raise Invalid("until", "must be in the future, at most a year ahead")
            check_read(held, read_up_to)
            await work.snooze(held, hold.actor, until)
        self._transitions.report(HistoryKind.SNOOZE, held, by=hold.actor)

    async def resolve(self, hold: Hold, *, read_up_to: int | None = None) -> None:
        """End the contact, and the ticket too unless the queue has a wrap-up; the customer's record notes the agent.

        Raises `Conflict` if the customer has written after `read_up_to`.
        """
        async with self._store.work() as work:
            held, customer = await _with_customer(work, hold, read_up_to)
            ended = customer.with_outcome(held.id, ContactOutcome.RESOLVED)
            await work.remember(ended._replace(last_agent_id=hold.agent.id))
            policy = self._policy()
            queue = policy.queues.get(held.queue)
            wrap_up = queue.wrap_up if queue else None
            if wrap_up:
                await work.wrap_up(held, hold.actor, wrap_up, policy_version=policy.version)
            else:
                await work.end(held, TicketState.RESOLVED, hold.actor, policy_version=policy.version)
        kind = HistoryKind.WRAP_UP if wrap_up else HistoryKind.RESOLVE
        self._transitions.report(kind, held, by=hold.actor)

    async def finish(self, hold: Hold) -> None:
        """End the wrap-up early."""
        async with self._store.work() as work:
            await work.lock_agents([hold.agent.id])
            held = await _held(work, hold, in_states=WRAPPING_UP)
            await work.end(held, TicketState.RESOLVED, hold.actor, reason=HistoryReason.FINISHED)
        self._transitions.report(HistoryKind.RESOLVE, held, by=hold.actor, reason=HistoryReason.FINISHED)

    async def abandon(self, hold: Hold, *, read_up_to: int | None = None) -> None:
        """End a ticket whose customer has left.

        Raises `Refused` if the queue's policy does not allow it, `Conflict` if they wrote after `read_up_to`.
        """
        async with self._store.work() as work:
            held, customer = await _with_customer(work, hold, read_up_to)
            policy = self._policy()
            queue = policy.queues.get(held.queue)
            if queue is None or not queue.abandon:
                raise Refused(f"Queue {held.queue} does not allow abandoning tickets: resolve the ticket instead.")
            await work.remember(customer.with_outcome(held.id, ContactOutcome.ABANDONED))
            why = {"reason": HistoryReason.BY_HAND, "policy_version": policy.version}
            await work.end(held, TicketState.ABANDONED, hold.actor, kind=HistoryKind.ABANDON, **why)
        self._transitions.report(HistoryKind.ABANDON, held, by=hold.actor, reason=HistoryReason.BY_HAND)

    async def merge(self, hold: Hold, into: TicketId, *, read_up_to: int | None = None) -> None:
        """Move the ticket's conversations and messages into another open ticket of the same customer, and end it.

        A snoozed target wakes up, since what moves there may be news. Raises `Invalid` if `into` is the ticket itself,
        another customer's or outside the agent's teams, and `Conflict` if `into` has ended or the customer has written
        in this ticket after `read_up_to`.
        """
        if into == hold.lease.ticket_id:
            raise Invalid("into", "is this ticket itself: name another ticket of the same customer")
        async with self._store.work() as work:
            held, customer = await _with_customer(work, hold, read_up_to)
            target = await _merge_target(work, hold, held, into)
            is_woken = target.state is TicketState.SNOOZED
            await work.remember(customer.with_merged(held.id, into))
            await work.merge(held, target, hold.actor)
            if is_woken:
                policy = self._policy()
                wait = wake(target, policy=policy, now=target.now)
                await work.enqueue(target, wait, hold.actor, reason=HistoryReason.WOKEN, policy_version=policy.version)
        self._transitions.report(HistoryKind.MERGE, held, by=hold.actor)
        if is_woken:
            self._transitions.report(HistoryKind.QUEUE, target, by=hold.actor, reason=HistoryReason.WOKEN)


async def _held(work: Work, hold: Hold, *, in_states: Collection[TicketState] = ASSIGNED) -> TicketNow:
    ticket = await work.ticket(hold.lease.ticket_id, hold.agent.teams)
    return checked(hold, ticket, in_states=in_states)


async def _locked(work: Work, hold: Hold) -> TicketNow:
    tickets = await work.lock_tickets([hold.lease.ticket_id], hold.agent.teams)
    return checked(hold, tickets.get(hold.lease.ticket_id))


async def _with_customer(work: Work, hold: Hold, read_up_to: int | None) -> tuple[TicketNow, Customer]:
    """Return the ticket to end and its customer, locked, so that nothing new comes in after what was read."""
    await work.lock_agents([hold.agent.id])
    seen = await _held(work, hold)
    customer = await work.lock_customer(seen.customer_id)
    held = await _held(work, hold)  # intake may have had the customer until now
    check_read(held, read_up_to)
    return held, customer


async def _merge_target(work: Work, hold: Hold, held: TicketNow, into: TicketId) -> TicketNow:
    """Return the ticket to merge into; lock both tickets, and before them the conversations that move."""
    await work.lock_conversations(held)
    tickets = await work.lock_tickets([held.id, into], hold.agent.teams)
    target = tickets.get(into)
    if target is None:
        raise Invalid("into", f"there is no ticket {into} in your teams: name another ticket of the same customer")
    if target.customer_id != held.customer_id:
        raise Invalid("into", f"ticket {into} belongs to another customer: name one of the same customer")
    if target.state not in _MERGEABLE:
        raise Conflict(f"Ticket {into} is {target.state}: merge into one that is still open.")
    return target


def _log(event: str, hold: Hold, **fields: object) -> None:
    log.info(event, ticket_id=hold.lease.ticket_id, agent_id=hold.agent.id, **fields)
