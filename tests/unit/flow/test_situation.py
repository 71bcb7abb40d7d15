"""What an agent is told between two moments."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from router.domain.agent import Status
from router.domain.ticket import TicketState
from router.flow.see.situation import EventKind, Load, Situation, changes
from tests.fakes.situations import HERE, IDLE, a_held_ticket, holding
from tests.making.moments import NOON

OFFER = a_held_ticket(state=TicketState.OFFERED, until=NOON + timedelta(seconds=20))
OFFER_AGAIN = replace(OFFER, lease="7.2")
ASSIGNED = a_held_ticket(epoch=2)
ASSIGNED_AGAIN = a_held_ticket(epoch=3)
WRITTEN = replace(ASSIGNED, last_customer_at=NOON + timedelta(minutes=1))
WRAP_UP = replace(ASSIGNED, state=TicketState.WRAP_UP, until=NOON + timedelta(minutes=1))
OTHER = a_held_ticket(8)
AWAY = replace(IDLE, presence=replace(HERE, status=Status.AWAY, reason="lunch"))
FULL = replace(IDLE, capacity=Load(used=10, limit=10))
NEVER_SEEN = replace(IDLE, presence=None)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (IDLE, IDLE, []),
        (IDLE, holding(OFFER), [("offer", OFFER)]),
        (holding(OFFER), IDLE, [("offer_withdrawn", "7.1")]),
        (holding(OFFER), holding(OFFER_AGAIN), [("offer", OFFER_AGAIN)]),
        (holding(OFFER), holding(ASSIGNED), [("assigned", ASSIGNED)]),
        (IDLE, holding(ASSIGNED), [("assigned", ASSIGNED)]),
        (holding(ASSIGNED), holding(ASSIGNED), []),
        (holding(ASSIGNED), holding(WRITTEN), [("message_added", WRITTEN.last_customer_at)]),
        (holding(ASSIGNED), holding(WRAP_UP), [("assigned", WRAP_UP)]),
        (holding(ASSIGNED), IDLE, [("released", "7.2")]),
        (holding(WRAP_UP), IDLE, [("released", "7.2")]),
        (holding(ASSIGNED), holding(ASSIGNED_AGAIN), [("assigned", ASSIGNED_AGAIN)]),
        (holding(OFFER), holding(WRITTEN), [("assigned", WRITTEN), ("message_added", WRITTEN.last_customer_at)]),
        (holding(ASSIGNED, OTHER), holding(OTHER), [("released", "7.2")]),
        (holding(ASSIGNED), holding(OTHER), [("released", "7.2"), ("assigned", OTHER)]),
        (IDLE, AWAY, [("presence", AWAY.presence)]),
        (NEVER_SEEN, IDLE, [("presence", HERE)]),
        (IDLE, NEVER_SEEN, []),
        (IDLE, FULL, [("capacity", FULL.capacity)]),
        (IDLE, holding(OTHER, capacity=FULL.capacity), [("assigned", OTHER), ("capacity", FULL.capacity)]),
    ],
)
def test_an_agent_is_told_what_changed_and_no_more(before: Situation, after: Situation, told: list[tuple[str, object]]):
    assert [(event.kind, _gist(event.data)) for event in changes(before, after)] == told


def test_who_knows_nothing_is_told_everything():
    situation = holding(OFFER, OTHER, capacity=FULL.capacity)
    [event] = changes(None, situation)
    assert event.kind is EventKind.SNAPSHOT
    assert event.data == situation.snapshot()
    assert (situation.snapshot().offers, situation.snapshot().tickets) == ([OFFER], [OTHER])
    assert (situation.snapshot().presence, situation.snapshot().capacity) == (HERE, FULL.capacity)


def _gist(data: Any) -> object:
    """The data, or the one value in which it can differ."""
    match data.__class__.__name__:
        case "LeftTicket":
            return data.lease
        case "LastWord":
            return data.last_customer_at
        case _:
            return data
