"""The page of a ticket: all that is known about it, its history, and its original messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from channels.message import Handle, HandleKind
from router.domain.actor import Viewer
from router.domain.ticket import TicketState
from router.domain.triage import Complexity, Reason
from router.flow.see.customers import CustomerCard
from router.flow.see.places import Place
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
class UnverifiedHandle:
    """A handle that somebody in the ticket said is theirs, and nobody vouches for: it identifies no customer."""

    kind: HandleKind
    value: str
    scope: str
    name: str | None
    said_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the transcript: `in` from the customer, `out` from an agent, or a `note` among agents.

    `received_at` is when it arrived, and `sent_at` the date that the sender gave it. `attributes` is what the channel
    or the integration says about it. `author_name` is the name that came with this message. `unverified` are
    handles that its author named and nobody vouches for. `reply_to` is where the author wants answers, if elsewhere.
    """

    id: int
    conversation_id: int | None
    direction: str
    channel: str
    author: str
    author_name: str | None
    unverified: Sequence[Handle]
    reply_to: Handle | None
    agent_id: int | None
    agent: str | None
    subject: str | None
    text: str
    html: str | None
    attachments: Sequence[Mapping[str, Any]]
    attributes: Mapping[str, str]
    automatic: str | None
    sent_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Entries in the order in which they arrived, oldest first.

    `older` is the `before` of the page before this one, and `newer` the `after` of the one that follows; null if there
    is none.
    """

    entries: Sequence[Entry]
    older: str | None
    newer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which entries of a transcript: the last ones `before` a place, the first ones `after` one, or the last of all."""

    before: Place | None = None
    after: Place | None = None
    limit: int = TRANSCRIPT_SHOWN

    def page_of(self, found: Sequence[Entry]) -> Transcript:
        """Return a page of what was found, oldest first, when one entry more than `limit` was asked for."""
        has_more = len(found) > self.limit
        if self.after is not None:
            entries = found[: self.limit]
            return Transcript(
                entries=entries,
                older=_place(entries[0]) if entries else None,
                newer=_place(entries[-1]) if has_more else None,
            )
        entries = found[-self.limit :]
        return Transcript(
            entries=entries,
            older=_place(entries[0]) if has_more else None,
            newer=_place(entries[-1]) if entries and self.before is not None else None,
        )


def _place(entry: Entry) -> str:
    return Place(entry.received_at, entry.id).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """A ticket with all that is known about it, and the transcript's last fifty entries in order of arrival.

    `unverified` has the latest twenty. `transcript_before` leads to the entries before them, if there are any. Only the
    holder gets a `lease`. `read_up_to` is the time of the customer's last message, in microseconds since 1970: sent
    back with a reply, it shows whether the customer has written since.
    """

    ticket: TicketLine
    decision: Decision
    customer: CustomerCard
    unverified: Sequence[UnverifiedHandle]
    conversations: Sequence[ConversationCard]
    transcript: Sequence[Entry]
    transcript_before: str | None
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

    async def transcript(self, viewer: Viewer, ticket_id: int, part: Part) -> Transcript | None: ...

    async def history(self, viewer: Viewer, ticket_id: int) -> Sequence[Happening]:
        """Return the ticket's history, oldest first; empty if the viewer has no such ticket."""

    async def original(self, viewer: Viewer, ticket_id: int, message_id: int) -> Original | None:
        """Return a message of the ticket as it came; None if it is not kept, or came with other people's messages."""
