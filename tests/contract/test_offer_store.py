"""What every store must do where agents answer offers, the fake as well as PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from router.domain.agent import Lease
from router.domain.ticket import TicketState
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Accepted, Answering, OfferedTicket
from router.flow.run.transitions import Turned
from tests.making.builders import OFFER_LASTS, TARGET
from tests.making.center import Center

ANSWERS = pytest.mark.parametrize("answer", [lambda a: a.accept(), lambda a: a.decline()], ids=["accept", "decline"])
Answer = Callable[[Answering], Awaitable[Accepted | Turned | None]]


async def an_offer(center: Center) -> Hold:
    grace = await center.agent()
    return Hold(agent=grace, lease=await center.offer(grace))


async def found(center: Center, hold: Hold) -> OfferedTicket | None:
    async with center.offers.answering(hold) as answering:
        return await answering.ticket()


async def accept(center: Center, hold: Hold) -> Accepted | None:
    async with center.offers.answering(hold) as answering:
        return await answering.accept()


async def decline(center: Center, hold: Hold) -> Turned | None:
    async with center.offers.answering(hold) as answering:
        return await answering.decline()


async def test_an_offer_is_found_as_it_was_made(center: Center):
    hold = await an_offer(center)
    assert await found(center, hold) == OfferedTicket(
        state=TicketState.OFFERED, assigned_to=hold.agent.id, epoch=hold.lease.epoch, has_expired=False
    )


async def test_an_offer_expires(center: Center):
    hold = await an_offer(center)
    await center.pass_time(OFFER_LASTS)
    ticket = await found(center, hold)
    assert ticket
    assert ticket.has_expired


async def test_a_ticket_without_an_end_does_not_expire(center: Center):
    grace = await center.agent()
    hold = Hold(agent=grace, lease=await center.ticket())
    assert await found(center, hold) == OfferedTicket(
        state=TicketState.QUEUED, assigned_to=None, epoch=0, has_expired=False
    )


async def test_a_ticket_of_another_team_is_not_found(center: Center):
    hold = await an_offer(center)
    assert await found(center, replace(hold, agent=await center.agent("Alan", teams=["specialists"]))) is None


async def test_an_accepted_ticket_is_the_agents_under_the_next_lease(center: Center):
    hold = await an_offer(center)
    await center.pass_time(timedelta(seconds=10))
    accepted = await accept(center, hold)
    assert accepted
    ticket, given = hold.lease.ticket_id, accepted.assignment
    assert (given.agent_id, given.lease) == (hold.agent.id, Lease(ticket, hold.lease.epoch + 1))
    assert (given.queue, given.channel, given.met_target) == ("general", "email", True)
    assert 10 <= accepted.after_s <= 20
    assert 10 <= given.waited_s <= 20
    assert await found(center, hold) == OfferedTicket(
        state=TicketState.ASSIGNED, assigned_to=hold.agent.id, epoch=hold.lease.epoch + 1, has_expired=False
    )
    assert await center.history(hold.lease.ticket_id) == [("accept", "assigned", str(hold.actor), None)]


async def test_a_ticket_that_is_accepted_after_its_due_time_missed_the_target(center: Center):
    grace = await center.agent()
    lease = await center.offer(grace, waited=TARGET + timedelta(seconds=1))
    accepted = await accept(center, Hold(agent=grace, lease=lease))
    assert accepted
    assert not accepted.assignment.met_target
    assert accepted.assignment.waited_s > TARGET.total_seconds() >= accepted.after_s


async def test_a_declined_ticket_waits_on(center: Center):
    hold = await an_offer(center)
    was = Turned(hold.lease.ticket_id, TicketState.OFFERED, hold.agent.id, "general", "email")
    assert await decline(center, hold) == was
    assert await found(center, hold) == OfferedTicket(
        state=TicketState.QUEUED, assigned_to=None, epoch=hold.lease.epoch, has_expired=False
    )
    assert await center.history(hold.lease.ticket_id) == [("decline", "queued", str(hold.actor), None)]


async def of_another_agent(center: Center, hold: Hold) -> Hold:
    return replace(hold, agent=await center.agent("Alan"))


async def of_another_team(center: Center, hold: Hold) -> Hold:
    return replace(hold, agent=replace(hold.agent, teams=frozenset({"specialists"})))


async def of_an_earlier_offer(center: Center, hold: Hold) -> Hold:
    return replace(hold, lease=Lease(hold.lease.ticket_id, hold.lease.epoch - 1))


async def of_an_offer_that_has_expired(center: Center, hold: Hold) -> Hold:
    await center.pass_time(OFFER_LASTS)
    return hold


async def of_an_offer_that_was_declined(center: Center, hold: Hold) -> Hold:
    await decline(center, hold)
    return hold


async def of_an_offer_that_was_accepted(center: Center, hold: Hold) -> Hold:
    await accept(center, hold)
    return hold


@ANSWERS
@pytest.mark.parametrize(
    "hold_that_is",
    [
        of_another_agent,
        of_another_team,
        of_an_earlier_offer,
        of_an_offer_that_has_expired,
        of_an_offer_that_was_declined,
        of_an_offer_that_was_accepted,
    ],
)
async def test_a_hold_that_is_not_good_changes_nothing(
    center: Center, answer: Answer, hold_that_is: Callable[[Center, Hold], Awaitable[Hold]]
):
    hold = await hold_that_is(center, await an_offer(center))
    before = await center.history(hold.lease.ticket_id)
    async with center.offers.answering(hold) as answering:
        assert await answer(answering) is None
    assert await center.history(hold.lease.ticket_id) == before


@ANSWERS
async def test_an_answer_that_fails_changes_nothing(center: Center, answer: Answer):
    hold = await an_offer(center)
    before = await found(center, hold)
    with pytest.raises(RuntimeError):  # noqa: PT012 - the answer is what must fail
        async with center.offers.answering(hold) as answering:
            await answer(answering)
            raise RuntimeError
    assert await found(center, hold) == before
    assert await center.history(hold.lease.ticket_id) == []
