"""Tickets and their waits with good defaults, for tests of decisions."""

from datetime import timedelta
from typing import Any

from router.domain.customer import CustomerId
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.triage import Complexity
from router.domain.wait import Wait, requirement
from tests.making.moments import NOON

A_WAIT = Wait(
    requirement=requirement("general", "frontline", (), "email"), enqueued_at=NOON, due_at=NOON + timedelta(hours=1)
)


def a_ticket_now(wait: Wait = A_WAIT, **changes: Any) -> TicketNow:
    """A waiting ticket, as a write finds it at noon."""
    fields: dict[str, Any] = {
        "id": TicketId(7),
        "customer_id": CustomerId(3),
        "state": TicketState.QUEUED,
        "assigned_to": None,
        "epoch": 0,
        "complexity": Complexity.SIMPLE,
        "route": "rest",
        "target": timedelta(hours=1),
        "read_up_to": 0,
        "now": NOON,
    }
    return TicketNow(wait=wait, **fields | changes)
