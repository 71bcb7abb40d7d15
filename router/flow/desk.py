"""What agents do with the tickets they hold: reply, note, transfer, resolve. Leaves giving them out to claims.

Every write names a lease and is guarded by it in the statement itself: the first check is for a clear answer, the
second for the truth.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from channels.message import Channel, Handle, OutboundMessage
from router.domain.agent import Agent, Lease
from router.domain.conversation import ERASED
from router.domain.customer import ContactOutcome, Customer
from router.domain.errors import Conflict, Invalid, NotFound, Refused
from router.domain.mail_token import make_token, token_message_id
from router.domain.ticket import Requirement, TicketState
from router.metrics import Metrics
from router.policy.model import Policy

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An agent's word that they hold a ticket, under the lease that `next` gave them."""

    agent: Agent
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTicket:
    """What a write needs to know of a ticket."""

    id: int
    customer_id: int
    state: TicketState
    assigned_to: int | None
    epoch: int
    requirement: Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """Where an answer goes: the conversation, the id that the answer will have, and the mails it follows.

    `mail_ids` are Message-IDs, oldest first; `answers` is the customer's last one.
    """

    conversation_id: int
    message_id: int
    channel: Channel
    provider: str
    account: str
    reply_to: Handle
    subject: str | None = None
    thread_key: str | None = None
    mail_ids: Sequence[str] = ()
    answers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """`first_reply_after_s` is there if this was the ticket's first answer: seconds since the ticket began."""

    message_id: int
    conversation_id: int
    customer_wrote_since_read: bool
    first_reply_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailIdentity:
    """How our mails are marked: the secret that signs their Message-IDs, and the domain that these end in."""

    secret: bytes
    domain: str


class Work(Protocol):
    """One transaction at the desk. Writes raise `Conflict` where the lease has become stale in the meantime."""

    async def ticket(self, hold: Hold) -> HeldTicket | None: ...

    async def conversation(self, hold: Hold, conversation_id: int | None) -> Addressed | None: ...

    async def lock_agent(self, hold: Hold) -> None: ...

    async def lock_customer(self, customer_id: int) -> Customer: ...

    async def reply(
        self, hold: Hold, held: HeldTicket, answer: OutboundMessage, *, read_up_to: int | None
    ) -> Replied: ...

    async def note(self, hold: Hold, held: HeldTicket, text: str) -> int: ...

    async def skills_in_team(self, requirement: Requirement) -> bool: ...

    async def transfer(self, hold: Hold, held: HeldTicket, to: Requirement) -> None: ...

    async def resolve(self, hold: Hold, held: HeldTicket, customer: Customer) -> None: ...


class DeskStore(Protocol):
    """Opens transactions at the desk."""

    def work(self) -> AbstractAsyncContextManager[Work]: ...

    async def see(self, hold: Hold) -> None: ...


class Desk:
    """An agent's writes. All raise `NotFound` for a ticket of no own team and `Conflict` for a lease that is over."""

    def __init__(self, *, store: DeskStore, policy: Callable[[], Policy], mail: MailIdentity, metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._mail = mail
        self._metrics = metrics

    async def see(self, hold: Hold) -> None:
        """Note that the agent has the ticket on screen, so that `next` may give another one."""
        await self._store.see(hold)

    async def reply(
        self, hold: Hold, text: str, *, conversation_id: int | None = None, read_up_to: int | None = None
    ) -> Replied:
        """Answer in the named conversation, or in the one where the customer wrote last.

        Raises `Invalid` where the ticket has no such conversation, `Refused` where its customer has been erased.
        """
        async with self._store.work() as work:
            held = await _held(work, hold)
            addressed = await work.conversation(hold, conversation_id)
            if addressed is None:
                raise Invalid("conversation", "is not one of this ticket's: see `conversations` on its page")
            if addressed.reply_to.scope == ERASED:
                raise Refused("The customer has been erased: there is no address to answer to.")
            answer = compose(addressed, text, self._mail)
            replied = await work.reply(hold, held, answer, read_up_to=read_up_to)
        if replied.first_reply_after_s is not None:
            labels = (held.requirement.queue, held.requirement.channel)
            self._metrics.first_reply.labels(*labels).observe(replied.first_reply_after_s)
        _log("ticket answered", hold, message_id=replied.message_id, conversation_id=replied.conversation_id)
        return replied

    async def note(self, hold: Hold, text: str) -> int:
        """Write something that only agents read; returns the note's message id."""
        async with self._store.work() as work:
            message_id = await work.note(hold, await _held(work, hold), text)
        _log("ticket noted", hold, message_id=message_id)
        return message_id

    async def transfer(self, hold: Hold, queue: str, *, note: str | None = None) -> None:
        """Let the ticket wait anew in another queue, with the target it had; raises `Invalid` for an unknown queue.

        Required skills go along if somebody in the queue's team has them all; otherwise nobody could ever take it.
        """
        policy = self._policy()
        if queue not in policy.queues:
            raise Invalid("queue", f"is not known: choose one of {', '.join(sorted(policy.queues))}")
        async with self._store.work() as work:
            await work.lock_agent(hold)
            held = await _held(work, hold)
            if note:
                await work.note(hold, held, note)
            to = replace(held.requirement, queue=queue, team=policy.queues[queue].team)
            to = to if await work.skills_in_team(to) else replace(to, skills=())
            await work.transfer(hold, held, to)
        self._metrics.queued.labels(queue, to.channel, "transferred").inc()
        _log("ticket queued", hold, reason="transferred", queue=queue)

    async def resolve(self, hold: Hold) -> None:
        """End the work: the customer's digest says so, and remembers who did it."""
        async with self._store.work() as work:
            await work.lock_agent(hold)
            held = await _held(work, hold)
            customer = await work.lock_customer(held.customer_id)
            ended = replace(customer.with_outcome(held.id, ContactOutcome.RESOLVED), last_agent_id=hold.agent.id)
            await work.resolve(hold, held, ended)
        self._metrics.resolved.labels(held.requirement.queue, held.requirement.channel).inc()
        _log("ticket resolved", hold, queue=held.requirement.queue)


def compose(addressed: Addressed, text: str, mail: MailIdentity) -> OutboundMessage:
    """Return the answer as the channel's sender gets it; a mail carries our signed Message-ID and its ancestors."""
    answer = OutboundMessage(
        message_id=addressed.message_id,
        conversation_id=addressed.conversation_id,
        channel=addressed.channel,
        provider=addressed.provider,
        account=addressed.account,
        to=addressed.reply_to,
        text=text,
        thread_key=addressed.thread_key,
    )
    if addressed.channel is not Channel.EMAIL:
        return answer
    token = make_token(mail.secret, addressed.conversation_id, addressed.message_id)
    root = addressed.thread_key or ""  # a Message-ID, or a provider's key, or a hash
    ancestors = [root] if "@" in root else []
    return replace(
        answer,
        subject=_answering(addressed.subject),
        token_id=token_message_id(token, mail.domain),
        in_reply_to=addressed.answers,
        references=tuple(dict.fromkeys((*ancestors, *addressed.mail_ids))),
    )


def _answering(subject: str | None) -> str:
    subject = (subject or "").strip()
    return subject if subject.lower().startswith("re:") else f"Re: {subject}".strip()


async def _held(work: Work, hold: Hold) -> HeldTicket:
    held = await work.ticket(hold)
    if held is None:
        raise NotFound(f"There is no ticket {hold.lease.ticket_id} in your teams.")
    if held.state is not TicketState.ASSIGNED or held.assigned_to != hold.agent.id:
        raise Conflict(f"You do not hold ticket {held.id} (it is {held.state}): ask for the next one.")
    if held.epoch != hold.lease.epoch:
        raise Conflict("The lease is from an earlier assignment of this ticket: read the ticket again for the new one.")
    return held


def _log(event: str, hold: Hold, **fields: object) -> None:
    log.info(event, ticket_id=hold.lease.ticket_id, agent_id=hold.agent.id, **fields)
