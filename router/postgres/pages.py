"""The page of a ticket and the card of a customer, out of what `reading.sql` found. Leaves finding it to the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from pydantic import TypeAdapter

from channels.message import Handle
from router.domain.customer import Contact, ContactOutcome
from router.domain.ticket import OPEN_STATES, TicketState
from router.domain.triage import Complexity, Reason
from router.flow.reading import (
    ConversationCard,
    CustomerCard,
    Decision,
    Entry,
    PastContact,
    TicketLine,
    TicketPage,
    Viewer,
    lease_for,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The document about a customer; `tickets` are those of the viewer's teams that are open or among the contacts."""

    id: int
    name: str | None
    tier: str | None
    is_blocked: bool
    merged_into: int | None
    created_at: datetime
    contacts: list[str]
    handles: list[Handle]
    tickets: list[TicketLine]


_CUSTOMER = TypeAdapter(Customer)
_CONVERSATIONS = TypeAdapter(list[ConversationCard])
_TRANSCRIPT = TypeAdapter(list[Entry])
_REASONS = TypeAdapter(list[Reason])


def page(row: asyncpg.Record, viewer: Viewer) -> TicketPage:
    """The page in a row of the statement `page`."""
    ticket = ticket_line(row, viewer)
    return TicketPage(
        ticket=ticket,
        decision=_decision(row),
        customer=card(row),
        conversations=_CONVERSATIONS.validate_json(row["conversations"]),
        transcript=_TRANSCRIPT.validate_json(row["transcript"]),
        read_up_to=row["read_up_to"],
        lease=ticket.lease,
    )


def card(row: asyncpg.Record) -> CustomerCard:
    """The card in a row of the statements `page` and `cards`."""
    customer = _CUSTOMER.validate_json(row["customer"])
    contacts = [Contact.decode(text) for text in reversed(customer.contacts)]
    lines = {line.id: line for line in customer.tickets}
    return CustomerCard(
        id=customer.id,
        name=customer.name,
        tier=customer.tier,
        is_blocked=customer.is_blocked,
        merged_into=customer.merged_into,
        created_at=customer.created_at,
        handles=customer.handles,
        contacts=[_past(contact, lines.get(contact.ticket_id)) for contact in contacts],
        open_tickets=[line for line in customer.tickets if line.state in OPEN_STATES],
        open_elsewhere=_elsewhere(contacts, lines),
    )


def ticket_line(row: asyncpg.Record, viewer: Viewer) -> TicketLine:
    """The ticket in a row, with its lease if the row has one and the viewer holds it."""
    epoch = row.get("lease_epoch")
    return TicketLine(
        id=row["id"],
        customer_id=row["customer_id"],
        channel=row["channel"],
        subject=row["subject"],
        state=TicketState(row["state"]),
        queue=row["queue"],
        team=row["team"],
        complexity=Complexity(row["complexity"]),
        enqueued_at=row["enqueued_at"],
        due_at=row["due_at"],
        assigned_to=row["assigned_to"],
        created_at=row["created_at"],
        resolved_at=row["resolved_at"],
        lease=lease_for(viewer, ticket_id=row["id"], assigned_to=row["assigned_to"], epoch=epoch) if epoch else None,
    )


def _elsewhere(contacts: Sequence[Contact], own: Mapping[int, TicketLine]) -> list[PastContact]:
    """Another team's open tickets, each by its latest contact."""
    latest = {
        contact.ticket_id: contact
        for contact in reversed(contacts)
        if contact.outcome is ContactOutcome.OPEN and contact.ticket_id not in own
    }
    return [_past(contact, None) for contact in latest.values()]


def _past(contact: Contact, ticket: TicketLine | None) -> PastContact:
    return PastContact(
        at=contact.at,
        channel=contact.channel,
        queue=contact.queue,
        outcome=contact.outcome,
        ticket_id=ticket.id if ticket else None,
        subject=ticket.subject if ticket else None,
    )


def _decision(row: asyncpg.Record) -> Decision:
    return Decision(
        complexity=Complexity(row["complexity"]),
        probability=row["probability"],
        reasons=_REASONS.validate_json(row["reasons"]),
        language=row["language"],
        route=row["route"],
        policy_version=row["policy_version"],
        skills=row["skills"],
        target_s=row["target_s"],
    )
