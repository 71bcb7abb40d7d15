"""Customers as people see them: who they are, and their contacts so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from channels.message import Handle
from router.domain.actor import Viewer
from router.domain.customer import ContactOutcome
from router.flow.see.tickets import TicketLine


@dataclass(frozen=True, slots=True, kw_only=True)
class PastContact:
    """One time the customer got in touch; with ticket and subject only if the viewer may see the ticket."""

    at: datetime
    channel: str
    queue: str
    outcome: ContactOutcome
    ticket_id: int | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCard:
    """What is known about a person: contacts on every channel, newest first, at most twenty.

    `open_tickets` belong to the viewer's own teams; `open_elsewhere` is all that the viewer learns of other teams'.
    `last_agent` is the name of who last had the customer, if that agent is in one of the viewer's teams.
    """

    id: int
    name: str | None
    tier: str | None
    is_blocked: bool
    merged_into: int | None
    last_agent: str | None
    created_at: datetime
    handles: Sequence[Handle]
    contacts: Sequence[PastContact]
    open_tickets: Sequence[TicketLine]
    open_elsewhere: Sequence[PastContact]


class CustomerCards(Protocol):
    """Finds the customers that a viewer may see: those with a ticket in the viewer's teams."""

    async def customer(self, viewer: Viewer, customer_id: int) -> CustomerCard | None: ...

    async def customers_by_handle(self, viewer: Viewer, handle: str) -> Sequence[CustomerCard]: ...
