"""How agents stand to a ticket, in memory."""

from collections import Counter
from datetime import datetime

from router.domain.capacity import Capacity
from router.domain.eligibility import Refusal, Standing
from router.domain.ticket import TicketId
from tests.fakes.tables import AgentRow, Tables


def standing(tables: Tables, row: AgentRow, ticket_id: TicketId, enqueued_at: datetime, usual: Capacity) -> Standing:
    """How the agent stands to the ticket in the wait that began then; `usual` is the policy's word on capacity."""
    has_declined = tables.declined.get((ticket_id, row.id)) == enqueued_at
    return Standing(
        agent=row.agent,
        is_retired=row.profile.is_retired,
        is_draining=row.is_draining,
        presence=row.presence,
        capacity=row.profile.capacity(usual),
        held=Counter(ticket.requirement.channel for ticket in tables.held_by(row.id)),
        refusal=Refusal.DECLINED if has_declined else None,
    )
