"""The page of a ticket: all that is known about it, its history, and its original messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from channels.message import Handle
from router.domain.actor import Viewer
from router.domain.ticket import TicketState
from router.domain.triage import Complexity, Reason
from router.flow.see.customers import CustomerCard
from router.flow.see.tickets import TicketLine

TRANSCRIPT_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why the ticket is where it is: what triage found, and which route decided. `target_s` is in seconds."""

    complexity: Complexity
    probability: float
    reasons: Sequence[Reason]
    language: str | None
    route: str
    policy_version: str
    skills: Sequence[str]
    target_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationCard:
    """A conversation of the ticket, and where answers to it go."""

    id: int
    channel: str
    provider: str
    account: str
    reply_to: Handle
    subject: str | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the transcript: `in` from the customer, `out` from an agent, or a `note` among agents."""

    id: int
    conversation_id: int | None
    direction: str
    channel: str
    author: str
    agent_id: int | None
    subject: str | None
    text: str
    html: str | None
    attachments: Sequence[Mapping[str, Any]]
    automatic: str | None
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """A ticket with all that is known about it, and the transcript's last fifty entries in the order sent.

    Only the holder gets a `lease`. `read_up_to` is the time of the customer's last message, in microseconds since 1970:
    sent back with a reply, it shows whether the customer has written since.
    """

    ticket: TicketLine
    decision: Decision
    customer: CustomerCard
    conversations: Sequence[ConversationCard]
    transcript: Sequence[Entry]
    read_up_to: int
    lease: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a ticket's history: what happened, the state it led to, who did it, and why (`data`)."""

    at: datetime
    kind: str
    state: TicketState
    actor: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A message as its provider sent it."""

    format: str
    account: str
    body: bytes


class TicketPages(Protocol):
    """Finds what belongs to a ticket. Another team's ticket is not found, just like one that does not exist."""

    async def ticket(self, viewer: Viewer, ticket_id: int) -> TicketPage | None: ...

    async def history(self, viewer: Viewer, ticket_id: int) -> Sequence[Happening]:
        """Return the ticket's history, oldest first; empty if the viewer has no such ticket."""

    async def original(self, viewer: Viewer, ticket_id: int, message_id: int) -> Original | None:
        """Return a message of the ticket as it came; None if it is not kept, or came with other people's messages."""
