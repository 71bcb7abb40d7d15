"""The person who writes: their handles, and the digest of their contacts that triage and agents look at."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, NewType

CustomerId = NewType("CustomerId", int)
AgentId = NewType("AgentId", int)

CONTACTS_KEPT = 20


class ContactOutcome(StrEnum):
    """What came of a contact so far."""

    OPEN = "open"
    RESOLVED = "resolved"
    ABANDONED = "abandoned"


class Contact(NamedTuple):
    """One time a customer reached out: a ticket begun, reopened, or continued on another channel."""

    at: datetime
    channel: str
    queue: str
    ticket_id: int
    outcome: ContactOutcome = ContactOutcome.OPEN

    def encode(self) -> str:
        """The contact in at most 60 bytes, as the customer's row holds it."""
        return f"{int(self.at.timestamp())} {self.channel} {self.queue} {self.ticket_id} {self.outcome}"

    @classmethod
    def decode(cls, text: str) -> "Contact":
        """Read back what `encode` wrote; times come back in whole seconds."""
        at, channel, queue, ticket_id, outcome = text.split(" ")
        return cls(
            at=datetime.fromtimestamp(int(at), UTC),
            channel=channel,
            queue=queue,
            ticket_id=int(ticket_id),
            outcome=ContactOutcome(outcome),
        )


class Customer(NamedTuple):
    """A person, with the last twenty contacts (oldest first) at hand."""

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
        """Whether they have been here before."""
        return bool(self.contacts)

    def contacts_within(self, span: timedelta, now: datetime) -> int:
        """How many of the kept contacts lie within `span` before `now`; at most twenty."""
        since = now - span
        return len([contact for contact in self.contacts if contact.at >= since])

    def with_contact(self, contact: Contact) -> "Customer":
        """This customer after one more contact; the oldest beyond twenty is forgotten."""
        return self._replace(contacts=(*self.contacts, contact)[-CONTACTS_KEPT:])

    def with_outcome(self, ticket_id: int, outcome: ContactOutcome) -> "Customer":
        """This customer after all contacts of a ticket came to `outcome`."""
        return self._replace(
            contacts=tuple(
                contact._replace(outcome=outcome) if contact.ticket_id == ticket_id else contact
                for contact in self.contacts
            ),
        )

    def with_merged(self, ticket_id: int, into: int) -> "Customer":
        """This customer after one ticket took over another's contacts."""
        return self._replace(
            contacts=tuple(
                contact._replace(ticket_id=into) if contact.ticket_id == ticket_id else contact
                for contact in self.contacts
            ),
        )


class KnownHandle(NamedTuple):
    """A handle that belongs to a customer, and whether anybody has vouched for that."""

    key: str
    customer_id: CustomerId
    verified: bool
