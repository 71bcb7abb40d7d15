"""Thread: finds a message's conversation by the strongest evidence, and the ticket that it continues."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from channels.message import Automatic, Channel, InboundMessage
from router.domain.conversation import Conversation
from router.domain.customer import CustomerId
from router.domain.ticket import Ticket, TicketState
from router.domain.triage import Routing
from router.policy.model import Policy, Threading

_NUMBER = re.compile(r"\[#(\d{1,18})\]")


class Evidence(StrEnum):
    """What led a message to its conversation, strongest first."""

    TOKEN = "token"  # noqa: S105
    REFERENCE = "reference"
    THREAD_KEY = "thread_key"
    OPEN_CONVERSATION = "open_conversation"
    TICKET_NUMBER = "ticket_number"
    NONE = "none"


class Candidates(NamedTuple):
    """The conversations that each kind of evidence points to; `referenced` has the latest reference first."""

    tokened: Conversation | None = None
    referenced: Sequence[Conversation] = ()
    keyed: Conversation | None = None
    open_here: Conversation | None = None
    numbered: Sequence[Conversation] = ()


class Thread(NamedTuple):
    """The conversation that a message belongs to, and why; None if it starts a new one."""

    conversation: Conversation | None = None
    evidence: Evidence = Evidence.NONE


def ticket_number(subject: str | None) -> int | None:
    """Return the ticket number that a subject quotes, as in `Re: [#1234] My order`."""
    quoted = _NUMBER.search(subject or "")
    return int(quoted[1]) if quoted else None


def find_thread(
    message: InboundMessage, customer_id: CustomerId | None, found: Candidates, threading: Threading, now: datetime
) -> Thread:
    """Take the strongest evidence that holds.

    Our own signed token is valid for anybody who has it. Everything else can be guessed or forged, so the sender must
    have taken part in the conversation or be its customer.
    """
    if found.tokened:
        return Thread(conversation=found.tokened, evidence=Evidence.TOKEN)

    def takes_part(conversation: Conversation) -> bool:
        return conversation.customer_id == customer_id or message.sender.key in conversation.participants

    for conversation, evidence in _weaker_evidence(found):
        if takes_part(conversation) and _lasts(conversation, threading, now):
            return Thread(conversation=conversation, evidence=evidence)
    return Thread()


def _weaker_evidence(found: Candidates) -> Iterator[tuple[Conversation, Evidence]]:
    yield from ((conversation, Evidence.REFERENCE) for conversation in found.referenced)
    if found.keyed:
        yield found.keyed, Evidence.THREAD_KEY
    if found.open_here:
        yield found.open_here, Evidence.OPEN_CONVERSATION
    yield from ((conversation, Evidence.TICKET_NUMBER) for conversation in found.numbered)


def _lasts(conversation: Conversation, threading: Threading, now: datetime) -> bool:
    """Whether the silence since the last message is short enough; mail threads do not end."""
    window = threading.window.get(conversation.channel)
    return conversation.channel is Channel.EMAIL or window is None or now - conversation.last_message_at <= window


class FollowUp(StrEnum):
    """What a message does to the ticket of its conversation."""

    CONTINUES = "continues"
    REOPENS = "reopens"
    BEGINS_ANEW = "begins_anew"


def follow_up(ticket: Ticket | None, policy: Policy, now: datetime) -> FollowUp:
    """Continue an open ticket; reopen an ended one if its queue's rule says so; otherwise start a new one."""
    if ticket is None:
        return FollowUp.BEGINS_ANEW
    if ticket.is_open:
        return FollowUp.CONTINUES
    queue = policy.queues.get(ticket.queue)
    if ticket.resolved_at is None or queue is None or not queue.reopen.allows(now - ticket.resolved_at):
        return FollowUp.BEGINS_ANEW
    return FollowUp.REOPENS


def joins(
    message: InboundMessage, routing: Routing, open_tickets: Sequence[Ticket], within: timedelta, now: datetime
) -> Ticket | None:
    """The open ticket of the same customer that a message on another channel continues, latest first, or None.

    Only if the message's own route ends in the same team: the channels are joined, the teams stay segregated.
    """
    if not within:
        return None
    fitting = (
        ticket
        for ticket in open_tickets
        if ticket.channel != message.channel
        and ticket.team == routing.requirement.team
        and now - ticket.last_customer_at <= within
    )
    return max(fitting, key=lambda ticket: (ticket.last_customer_at, ticket.id), default=None)


def is_abandoned(message: InboundMessage, ticket: Ticket, policy: Policy) -> bool:
    """Whether the message ends the ticket: the customer has left the channel where it began, before any answer.

    If an agent has accepted the ticket, the agent ends it. The queue must allow this, because a customer who left may
    still want an answer.
    """
    queue = policy.queues.get(ticket.queue)
    has_left = message.automatic is Automatic.LEFT and message.channel == ticket.channel
    waits = ticket.state in {TicketState.QUEUED, TicketState.OFFERED} and ticket.first_reply_at is None
    return has_left and waits and queue is not None and queue.abandon
