"""What a ticket knows of itself."""

from router.domain.customer import CustomerId
from router.domain.ticket import Ticket, TicketId, TicketState
from router.domain.triage import Complexity, Triage
from router.domain.wait import Wait, requirement
from tests.making.moments import HOUR, NOON

TICKET = Ticket(
    id=TicketId(1),
    customer_id=CustomerId(1),
    channel="email",
    subject=None,
    state=TicketState.QUEUED,
    triage=Triage(complexity=Complexity.SIMPLE, probability=0.2),
    route="rest",
    target=HOUR,
    policy_version="v1",
    wait=Wait(requirement=requirement("general", "frontline", (), "email"), enqueued_at=NOON, due_at=NOON + HOUR),
    last_customer_at=NOON,
    created_at=NOON,
)


def test_customers_last_word_is_as_old_as_the_message():
    assert TICKET.heard(NOON + HOUR).last_customer_at == NOON + HOUR


def test_customers_last_word_is_later_than_the_one_before_though_a_clock_was_set_back():
    again = TICKET.heard(NOON - HOUR)
    assert NOON < again.last_customer_at < again.heard(NOON - HOUR).last_customer_at
