"""What an agent holds at one moment, and the events that lead from one moment to the next. Pure, no I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from router.domain.agent import Cause, Status
from router.domain.ticket import TicketState


def changes(before: "Situation | None", after: "Situation") -> Sequence["Event"]:
    """Return the events that lead from `before` to `after`; without `before`, one snapshot of everything."""
    if before is None:
        return [Event(kind=EventKind.SNAPSHOT, data=after.snapshot())]
    if before == after:
        return []
    return [*_of_tickets(before.held, after.held), *_of_agent(before, after)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the agent says of themselves, and since when; `cause` if they do not say it, but were set to it."""

    status: Status
    reason: str | None
    since: datetime
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The weight of all tickets that the agent holds, interruptible ones too, and the weight they can carry."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTicket:
    """A ticket that is offered, assigned or in wrap-up, with its lease; `until` is when that ends unless somebody acts.

    `last_customer_at` is when the customer last wrote, and `bounced_at` when an answer last came back undelivered.
    """

    id: int
    lease: str
    state: TicketState
    queue: str
    channel: str
    until: datetime | None
    last_customer_at: datetime
    bounced_at: datetime | None = None

    @property
    def is_offer(self) -> bool:
        return self.state is TicketState.OFFERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One agent's presence (None until they declare one), load, and held tickets by id, oldest first."""

    presence: Declared | None
    capacity: Load
    held: Mapping[int, HeldTicket]

    def snapshot(self) -> "Snapshot":
        """Return the situation for a client that knows nothing yet."""
        held = self.held.values()
        return Snapshot(
            presence=self.presence,
            capacity=self.capacity,
            tickets=[ticket for ticket in held if not ticket.is_offer],
            offers=[ticket for ticket in held if ticket.is_offer],
        )


class EventKind(StrEnum):
    """What an event says. `offer` and `assigned` replace all that the client knew about their ticket."""

    SNAPSHOT = "snapshot"
    OFFER = "offer"
    OFFER_WITHDRAWN = "offer_withdrawn"
    ASSIGNED = "assigned"
    MESSAGE_ADDED = "message_added"
    ANSWER_BOUNCED = "answer_bounced"
    RELEASED = "released"
    CAPACITY = "capacity"
    PRESENCE = "presence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything at once; `tickets` holds those assigned and in wrap-up."""

    presence: Declared | None
    capacity: Load
    tickets: Sequence[HeldTicket]
    offers: Sequence[HeldTicket]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftTicket:
    """A ticket that the agent no longer holds, and the lease that has ended."""

    id: int
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """When the customer of a held ticket last wrote."""

    id: int
    last_customer_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncedAnswer:
    """When an answer in a held ticket came back as undeliverable."""

    id: int
    bounced_at: datetime


EventData = Snapshot | HeldTicket | LeftTicket | LastWord | BouncedAnswer | Load | Declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing to tell an agent."""

    kind: EventKind
    data: EventData


def _of_tickets(before: Mapping[int, HeldTicket], after: Mapping[int, HeldTicket]) -> Iterator[Event]:
    for ticket in before.values():
        if ticket.id not in after:
            kind = EventKind.OFFER_WITHDRAWN if ticket.is_offer else EventKind.RELEASED
            yield Event(kind=kind, data=LeftTicket(id=ticket.id, lease=ticket.lease))
    for ticket in after.values():
        yield from _of_ticket(before.get(ticket.id), ticket)


def _of_ticket(was: HeldTicket | None, now: HeldTicket) -> Iterator[Event]:
    if was is None or replace(was, last_customer_at=now.last_customer_at, bounced_at=now.bounced_at) != now:
        yield Event(kind=EventKind.OFFER if now.is_offer else EventKind.ASSIGNED, data=now)
    if was is not None and was.last_customer_at < now.last_customer_at:
        word = LastWord(id=now.id, last_customer_at=now.last_customer_at)
        yield Event(kind=EventKind.MESSAGE_ADDED, data=word)
    if was is not None and now.bounced_at not in (None, was.bounced_at):
        yield Event(kind=EventKind.ANSWER_BOUNCED, data=BouncedAnswer(id=now.id, bounced_at=now.bounced_at))


def _of_agent(before: Situation, after: Situation) -> Iterator[Event]:
    if after.capacity != before.capacity:
        yield Event(kind=EventKind.CAPACITY, data=after.capacity)
    if after.presence is not None and after.presence != before.presence:
        yield Event(kind=EventKind.PRESENCE, data=after.presence)
