"""The person who writes: their handles, and the recent contacts that triage and agents look at."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, NewType

CustomerId = NewType("CustomerId", int)
AgentId = NewType("AgentId", int)

CONTACTS_KEPT = 20


class ContactOutcome(StrEnum):
    """How a contact has ended so far."""

    OPEN = "open"
    RESOLVED = "resolved"
    ABANDONED = "abandoned"


class Contact(NamedTuple):
    """One time a customer got in touch: they opened or reopened a ticket, or continued it on another channel."""

    at: datetime
    channel: str
    queue: str
    ticket_id: int
    outcome: ContactOutcome = ContactOutcome.OPEN

    def encode(self) -> str:
        """Encode the contact in at most 60 bytes for the customer's row."""
        return f"{int(self.at.timestamp())} {self.channel} {self.queue} {self.ticket_id} {self.outcome}"

    @classmethod
    def decode(cls, text: str) -> "Contact":
        """Read what `encode` wrote; times come back in whole seconds."""
        at, channel, queue, ticket_id, outcome = text.split(" ")
        return cls(
            at=datetime.fromtimestamp(int(at), UTC),
            channel=channel,
            queue=queue,
            ticket_id=int(ticket_id),
            outcome=ContactOutcome(outcome),
        )


class Customer(NamedTuple):
    """A person with their last twenty contacts, oldest first."""

    id: CustomerId
    created_at: datetime
    name: str | None = None
    tier: str | None = None
    is_blocked: bool = False
    contacts: tuple[Contact, ...] = ()
    reopened_count: int = 0
    last_agent_id: AgentId | None = None
    merged_into: CustomerId | None = None

    @property
    def is_returning(self) -> bool:
        """Whether they have written before."""
        return bool(self.contacts)

    def contacts_within(self, span: timedelta, now: datetime) -> int:
        """Count the kept contacts within `span` before `now`; at most twenty."""
        since = now - span
        return len([contact for contact in self.contacts if contact.at >= since])

    def with_contact(self, contact: Contact) -> "Customer":
        """Return this customer after one more contact; beyond twenty, the oldest is dropped."""
        return self._replace(contacts=(*self.contacts, contact)[-CONTACTS_KEPT:])

    def with_outcome(self, ticket_id: int, outcome: ContactOutcome) -> "Customer":
        """Return this customer with `outcome` set on all contacts of a ticket."""
        return self._replace(
            contacts=tuple(
                contact._replace(outcome=outcome) if contact.ticket_id == ticket_id else contact
                for contact in self.contacts
            ),
        )

    def with_merged(self, ticket_id: int, into: int) -> "Customer":
        """Return this customer after the ticket `into` took over another ticket's contacts."""
        return self._replace(
            contacts=tuple(
                contact._replace(ticket_id=into) if contact.ticket_id == ticket_id else contact
                for contact in self.contacts
            ),
        )


class KnownHandle(NamedTuple):
    """A handle that belongs to a customer, whether somebody has verified that it does, and the latest name with it."""

    key: str
    customer_id: CustomerId
    verified: bool
    name: str | None = None
