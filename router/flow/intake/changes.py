"""The result of taking messages in: outcomes, new and changed rows, history lines.

What is made for each message, here and in `decide`, is a plain tuple: a frozen class takes more than twice as long.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from channels.message import Handle, InboundMessage, MessageKey
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import Customer, CustomerId
from router.domain.history import HistoryLine
from router.domain.ticket import Ticket, TicketId
from router.flow.intake.unprocessable import Unprocessable
from router.flow.run.bus import Delivery


class Outcome(StrEnum):
    """What became of a message."""

    QUEUED = "queued"
    REOPENED = "reopened"
    CONTINUED = "continued"
    JOINED = "joined"
    ATTACHED = "attached"
    SET_ASIDE = "set_aside"
    BLOCKED = "blocked"
    DUPLICATE = "duplicate"


class Received(NamedTuple):
    """A message that was taken in. Another one with its key is a duplicate if it has the same fingerprint.

    `payload_hash` is the SHA-256 of the payload that brought it, if that is kept and brought no message before it.
    `conversation_id` is told only of a message whose id was taken.
    """

    key: MessageKey
    fingerprint: bytes
    outcome: Outcome
    ticket_id: TicketId | None = None
    message_id: int | None = None
    payload_hash: bytes | None = None
    conversation_id: ConversationId | None = None


class NewHandle(NamedTuple):
    """A handle to record for a customer, or to record as verified from now on."""

    handle: Handle
    customer_id: CustomerId


class StoredMessage(NamedTuple):
    """A message and where it belongs; `delivery` is stored too if the message does not hold all of it."""

    id: int
    message: InboundMessage
    delivery: Delivery
    customer_id: CustomerId | None
    conversation_id: ConversationId | None
    ticket_id: TicketId | None


@dataclass(slots=True, kw_only=True)
class Changes:
    """What a batch changes at `now`, ready to be recorded. Customers, conversations and tickets are whole, by id.

    `namesakes` were received under keys that other messages have.
    """

    now: datetime
    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    handles: list[NewHandle] = field(default_factory=list)
    conversations: dict[ConversationId, Conversation] = field(default_factory=dict)
    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    messages: list[StoredMessage] = field(default_factory=list)
    references: list[tuple[str, str, ConversationId]] = field(default_factory=list)
    history: list[HistoryLine] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    namesakes: list[Received] = field(default_factory=list)
    unprocessable: list[Unprocessable] = field(default_factory=list)
