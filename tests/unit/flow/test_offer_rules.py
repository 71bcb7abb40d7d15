"""What becomes of an offer that its agent answers, and what they are told where it is over."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Lease
from router.domain.errors import Conflict, NotFound
from router.domain.ticket import TicketState
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Offers
from router.metrics import Metrics
from tests.fakes.center import FakeCenter
from tests.making.builders import OFFER_LASTS

ANSWERS = pytest.mark.parametrize("answer", [Offers.accept, Offers.decline])
Answer = Callable[[Offers, Hold], Awaitable[None]]


@pytest.fixture
def offers(center: FakeCenter, registry: CollectorRegistry) -> Offers:
    return Offers(store=center.offers, metrics=Metrics(registry))


@pytest.fixture
async def hold(center: FakeCenter) -> Hold:
    grace = await center.agent("Grace")
    return Hold(agent=grace, lease=await center.offer(grace, queue="live", channel="chat"))


def state(center: FakeCenter, hold: Hold) -> tuple[TicketState, int]:
    row = center.database.tables.tickets[hold.lease.ticket_id]
    return row.state, row.epoch


def outcomes(registry: CollectorRegistry) -> dict[str, float | None]:
    """How many offers of the queue came to what."""
    named = {name: {"queue": "live", "outcome": name} for name in ("accepted", "declined")}
    return {name: registry.get_sample_value("router_offers_total", labels) for name, labels in named.items()}


async def test_an_accepted_ticket_is_assigned_under_the_next_lease(center: FakeCenter, offers: Offers, hold: Hold):
    await offers.accept(hold)
    assert state(center, hold) == (TicketState.ASSIGNED, 2)


async def test_accepting_ends_the_wait(center: FakeCenter, offers: Offers, hold: Hold, registry: CollectorRegistry):
    await offers.accept(hold)
    labels = {"queue": "live", "channel": "chat"}
    assert outcomes(registry) == {"accepted": 1, "declined": None}
    assert registry.get_sample_value("router_offer_accept_seconds_count", {"queue": "live"}) == 1
    assert registry.get_sample_value("router_queue_wait_seconds_count", labels) == 1
    assert registry.get_sample_value("router_tickets_answered_total", {**labels, "within_target": "true"}) == 1


async def test_accepting_again_after_a_lost_answer_changes_nothing(
    center: FakeCenter, offers: Offers, hold: Hold, registry: CollectorRegistry
):
    await offers.accept(hold)
    await offers.accept(hold)
    assert state(center, hold) == (TicketState.ASSIGNED, 2)
    assert outcomes(registry) == {"accepted": 1, "declined": None}


async def test_a_declined_ticket_waits_on(center: FakeCenter, offers: Offers, hold: Hold, registry: CollectorRegistry):
    await offers.decline(hold)
    assert state(center, hold) == (TicketState.QUEUED, 1)
    assert outcomes(registry) == {"accepted": None, "declined": 1}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (Offers.decline, Offers.decline, r"Ticket 1 is not offered to you \(it is queued\)"),
        (Offers.decline, Offers.accept, r"Ticket 1 is not offered to you \(it is queued\)"),
        (Offers.accept, Offers.decline, r"Ticket 1 is not offered to you \(it is assigned\)"),
    ],
    ids=["decline twice", "accept what was declined", "decline what was accepted"],
)
async def test_an_answer_is_final(offers: Offers, hold: Hold, first: Answer, second: Answer, said: str):
    await first(offers, hold)
    with pytest.raises(Conflict, match=said):
        await second(offers, hold)


@ANSWERS
async def test_an_offer_that_has_expired_cannot_be_answered(
    center: FakeCenter, offers: Offers, hold: Hold, answer: Answer
):
    await center.pass_time(OFFER_LASTS)
    with pytest.raises(Conflict, match="The offer has expired: ticket 1 waits again"):
        await answer(offers, hold)


@ANSWERS
async def test_an_earlier_offer_of_the_ticket_cannot_be_answered(offers: Offers, hold: Hold, answer: Answer):
    with pytest.raises(Conflict, match=r"The lease is from an earlier offer of ticket 1: read it for the new one\."):
        await answer(offers, replace(hold, lease=Lease(hold.lease.ticket_id, 0)))


@ANSWERS
async def test_a_colleagues_offer_cannot_be_answered(center: FakeCenter, offers: Offers, hold: Hold, answer: Answer):
    with pytest.raises(Conflict, match=r"Ticket 1 is not offered to you \(it is offered\)"):
        await answer(offers, replace(hold, agent=await center.agent("Ada")))


@ANSWERS
async def test_another_teams_ticket_is_like_one_that_is_not_there(
    center: FakeCenter, offers: Offers, hold: Hold, answer: Answer
):
    alan = await center.agent("Alan", teams=["specialists"])
    for lease in (hold.lease, Lease(hold.lease.ticket_id, 99), Lease(hold.lease.ticket_id, 1)):
        with pytest.raises(NotFound, match="There is no ticket 1"):
            await answer(offers, Hold(agent=alan, lease=lease))


@ANSWERS
async def test_an_offer_that_ends_while_it_is_answered_stays_ended(
    center: FakeCenter, offers: Offers, hold: Hold, answer: Answer, registry: CollectorRegistry
):
    def expire() -> None:
        tables = center.database.tables
        tables.tickets[hold.lease.ticket_id] = tables.tickets[hold.lease.ticket_id].waits_again()

    center.database.meanwhile.append(expire)
    with pytest.raises(Conflict, match=r"The offer of ticket 1 has just ended: wait for the next one\."):
        await answer(offers, hold)
    assert outcomes(registry) == {"accepted": None, "declined": None}
