"""Lists of tickets as people see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from router.domain.actor import Viewer
from router.domain.agent import Lease
from router.domain.errors import NotFound
from router.domain.ticket import TicketId, TicketState
from router.domain.triage import Complexity


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLine:
    """A ticket in a list. Only its holder gets a `lease`; `merged_into` is the ticket that has taken it over.

    `bounced_at` is when an answer in it last came back as undeliverable.
    """

    id: int
    customer_id: int
    channel: str
    subject: str | None
    state: TicketState
    queue: str
    team: str
    complexity: Complexity
    enqueued_at: datetime
    due_at: datetime
    assigned_to: int | None
    created_at: datetime
    resolved_at: datetime | None
    assigned_to_name: str | None = None
    merged_into: int | None = None
    bounced_at: datetime | None = None
    lease: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which tickets to list: None means any. `before` is the last id on the previous page."""

    customer_id: int | None = None
    handle: str | None = None
    number: int | None = None
    state: TicketState | None = None
    queue: str | None = None
    before: int | None = None
    limit: int = 50


class TicketLists(Protocol):
    """Finds the tickets that a viewer may see."""

    async def tickets(self, viewer: Viewer, wanted: Filter) -> Sequence[TicketLine]: ...

    async def held(self, viewer: Viewer) -> Sequence[TicketLine]: ...


def lease_for(viewer: Viewer, *, ticket_id: TicketId, assigned_to: int | None, epoch: int) -> str | None:
    """Return the lease as it goes over the wire if the viewer holds the ticket."""
    if viewer.agent_id is None or assigned_to != viewer.agent_id:
        return None
    return str(Lease(ticket_id, epoch))


def no_ticket(ticket_id: int) -> NotFound:
    """Return the error for a ticket that does not exist or belongs to another team."""
    return NotFound(f"There is no ticket {ticket_id} in your teams.")
