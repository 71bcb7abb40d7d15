"""The words of a ticket's history: what each line can say happened, and why. docs/api.md lists the data of each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from router.domain.ticket import TicketId, TicketState


class HistoryKind(StrEnum):
    """What happened to a ticket."""

    RECEIVE = "receive"
    """A message came in for a ticket that is open already, or one that nobody has to answer."""
    QUEUE = "queue"
    """A wait began."""
    REASSIGN = "reassign"
    """A lead moved the ticket, whoever held it."""
    RELAX = "relax"
    """The ticket waits on, and more agents can get it."""
    OFFER = "offer"
    """A push queue offered the ticket to an agent."""
    ACCEPT = "accept"
    """The ticket became an agent's."""
    DECLINE = "decline"
    """The agent said no to an offer."""
    EXPIRE = "expire"
    """The agent did not answer an offer in time."""
    RELEASE = "release"
    """The ticket was taken from its agent and waits at the place it had."""
    REPLY = "reply"
    """The agent answered the customer."""
    NOTE = "note"
    """An agent or a lead wrote something that only agents read."""
    SNOOZE = "snooze"
    """The agent put the ticket aside."""
    WRAP_UP = "wrap_up"
    """The agent ended the contact, and has work left to do after it."""
    RESOLVE = "resolve"
    """The work on the ticket ended."""
    MERGE = "merge"
    """Two tickets became one; each of them has this line."""
    ABANDON = "abandon"
    """The customer left before the ticket was resolved."""


LEADS_TO: Mapping[HistoryKind, TicketState] = {
    HistoryKind.RECEIVE: TicketState.ASSIGNED,
    HistoryKind.QUEUE: TicketState.QUEUED,
    HistoryKind.REASSIGN: TicketState.QUEUED,
    HistoryKind.RELAX: TicketState.QUEUED,
    HistoryKind.OFFER: TicketState.OFFERED,
    HistoryKind.ACCEPT: TicketState.ASSIGNED,
    HistoryKind.DECLINE: TicketState.QUEUED,
    HistoryKind.EXPIRE: TicketState.QUEUED,
    HistoryKind.RELEASE: TicketState.QUEUED,
    HistoryKind.SNOOZE: TicketState.SNOOZED,
    HistoryKind.WRAP_UP: TicketState.WRAP_UP,
    HistoryKind.RESOLVE: TicketState.RESOLVED,
    HistoryKind.MERGE: TicketState.RESOLVED,
    HistoryKind.ABANDON: TicketState.ABANDONED,
}
"""The state that each transition leads to. A message, a reply and a note leave a ticket in its state, but a message
ends its wrap-up; and of two that are merged, one goes on."""


class HistoryReason(StrEnum):
    """Why it happened, where one kind has several causes."""

    NEW = "new"
    """A message began the ticket."""
    REOPENED = "reopened"
    """The customer wrote again after the ticket had ended."""
    JOINED = "joined"
    """The message came on another channel, and its route leads to the ticket's team."""
    TRANSFERRED = "transferred"
    """The agent who held the ticket moved it."""
    REASSIGNED = "reassigned"
    """A lead moved it."""
    UNDONE = "undone"
    """A lead took back the last move or relaxation."""
    WOKEN = "woken"
    """Its snooze ended: the time came, the customer wrote, or another ticket was merged into it."""
    PICKED = "picked"
    """The agent chose it from the queue."""
    STEP = "step"
    """A relaxation step of its route came due."""
    RESERVATION_OVER = "reservation_over"
    """It is no longer reserved for one agent: the time for that is over, or the agent cannot take it now."""
    NOT_AVAILABLE = "not_available"
    """The agent who had the offer cannot take it any more."""
    AGENT_LOST = "agent_lost"
    """The agent gave no sign of life for the grace time."""
    REQUEUED = "requeued"
    """A lead emptied the agent's hands."""
    FINISHED = "finished"
    """The agent ended the wrap-up."""
    WRAP_UP_OVER = "wrap_up_over"
    """The wrap-up lasted as long as it may."""
    CLOSED = "closed"
    """A lead closed what waited in the queue."""
    ERASED = "erased"
    """An admin erased the customer."""
    ANSWER_BOUNCED = "answer_bounced"
    """A mail server reported that it could not deliver an answer of ours."""
    LEFT = "left"
    """The channel said that the customer has gone."""
    BY_HAND = "by_hand"
    """The agent said that the customer has gone."""


class HistoryLine(NamedTuple):
    """One line of a ticket's history; a tuple, because intake makes one for every message.

    `was` is the state before; a ticket that begins was `new`.
    """

    ticket_id: TicketId
    kind: HistoryKind
    was: TicketState
    state: TicketState
    data: Mapping[str, object]

    @property
    def reason(self) -> HistoryReason | None:
        reason = self.data.get("reason")
        return reason if isinstance(reason, HistoryReason) else None
