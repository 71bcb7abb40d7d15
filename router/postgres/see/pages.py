"""Builds the page of a ticket and the card of a customer from the JSON documents that PostgreSQL returns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg
from pydantic import TypeAdapter

from channels.message import Handle
from router.domain.actor import Viewer
from router.domain.customer import Contact, ContactOutcome
from router.domain.ticket import OPEN_STATES, TicketId, TicketState
from router.domain.triage import Complexity
from router.flow.see.customers import CustomerCard, PastContact
from router.flow.see.pages import ConversationCard, Decision, Entry, Part, TicketPage, UnverifiedHandle
from router.flow.see.tickets import TicketLine, lease_for


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDocument:
    """The document about a customer; `tickets` are the viewer's teams' tickets that are open or among the contacts."""

    id: int
    name: str | None
    tier: str | None
    is_blocked: bool
    merged_into: int | None
    last_agent: str | None
    created_at: datetime
    contacts: list[str]
    handles: list[Handle]
    tickets: list[TicketLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDocument:
    """The document about a ticket."""

    ticket: TicketLine
    lease_epoch: int
    decision: Decision
    customer: CustomerDocument
    unverified: list[UnverifiedHandle]
    conversations: list[ConversationCard]
    transcript: list[Entry]
    read_up_to: int


_CUSTOMER = TypeAdapter(CustomerDocument)
_PAGE = TypeAdapter(PageDocument)
_ENTRY = TypeAdapter(Entry)


def page(document: str, viewer: Viewer) -> TicketPage:
    """Build the page from a document of the statement `pages`."""
    found = _PAGE.validate_json(document)
    ticket = found.ticket
    transcript = Part().page_of(found.transcript)
    lease = lease_for(viewer, ticket_id=TicketId(ticket.id), assigned_to=ticket.assigned_to, epoch=found.lease_epoch)
    return TicketPage(
        ticket=replace(ticket, lease=lease),
        decision=found.decision,
        customer=_card(found.customer),
        unverified=found.unverified,
        conversations=found.conversations,
        transcript=transcript.entries,
        transcript_before=transcript.older,
        read_up_to=found.read_up_to,
        lease=lease,
    )


def entries(documents: Iterable[str]) -> list[Entry]:
    """Build entries of a transcript from the documents of the statements `older` and `newer`."""
    return [_ENTRY.validate_json(document) for document in documents]


def card(document: str) -> CustomerCard:
    """Build the card from a document of the statement `cards`."""
    return _card(_CUSTOMER.validate_json(document))


def _card(customer: CustomerDocument) -> CustomerCard:
    contacts = [Contact.decode(text) for text in reversed(customer.contacts)]
    lines = {line.id: line for line in customer.tickets}
    return CustomerCard(
        id=customer.id,
        name=customer.name,
        tier=customer.tier,
        is_blocked=customer.is_blocked,
        merged_into=customer.merged_into,
        last_agent=customer.last_agent,
        created_at=customer.created_at,
        handles=customer.handles,
        contacts=[_past(contact, lines.get(contact.ticket_id)) for contact in contacts],
        open_tickets=[line for line in customer.tickets if line.state in OPEN_STATES],
        open_elsewhere=_elsewhere(contacts, lines),
    )


def ticket_line(row: asyncpg.Record, viewer: Viewer) -> TicketLine:
    """The ticket in a row, with its lease if the row has one and the viewer holds it; what is open is not merged."""
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
        assigned_to_name=row.get("assigned_to_name"),
        created_at=row["created_at"],
        resolved_at=row["resolved_at"],
        merged_into=row.get("merged_into"),
        bounced_at=row.get("bounced_at"),
        lease=lease_for(viewer, ticket_id=row["id"], assigned_to=row["assigned_to"], epoch=epoch) if epoch else None,
    )


def _elsewhere(contacts: Sequence[Contact], own: Mapping[int, TicketLine]) -> list[PastContact]:
    """Return other teams' open tickets, each by its latest contact."""
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
