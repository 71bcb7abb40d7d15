"""Explains one ticket whole: why it is where it is now, and how it came there."""

from router.domain.actor import Actor, Viewer
from router.domain.ticket import TicketId
from router.flow.see.explanation import Explained, explained
from router.flow.see.records import RecordStore
from router.flow.see.tickets import no_ticket
from router.flow.work.lead import Lead


class Explaining:
    """What leads, admins and operators ask about a ticket."""

    def __init__(self, *, lead: Lead, records: RecordStore) -> None:
        self._lead = lead
        self._records = records

    async def explain(self, by: Actor, ticket_id: TicketId) -> Explained:
        """Raises `NotFound` for a ticket that does not exist or belongs to another team."""
        records = await self._records.records(Viewer.of(by), ticket_id)
        if records is None:
            raise no_ticket(ticket_id)
        return explained(await self._lead.why(by, ticket_id), records)
