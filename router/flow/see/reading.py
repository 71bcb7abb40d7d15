"""Everything that people may read, as one port for callers who need several pages."""

from typing import Protocol

from router.flow.see.customers import CustomerCards
from router.flow.see.messages import MessageStatuses
from router.flow.see.pages import TicketPages
from router.flow.see.queues import QueueLoads
from router.flow.see.tickets import TicketLists


class Reading(TicketLists, TicketPages, CustomerCards, QueueLoads, MessageStatuses, Protocol):
    """Finds what a viewer may see. Another team's things are not found, just like things that do not exist."""
