"""The rounds of the lane that serves waiting agents together: who is in which, and what it chooses from."""

import asyncio
from datetime import timedelta

import pytest

from router.domain.errors import StoreUnavailable
from router.flow.assign.claims import TOGETHER
from tests.fakes.claims import FakeClaims
from tests.making.claiming import LONG, NO_WAIT, parked, serving, until_idle, until_rounds
from tests.making.tickets import a_requirement


async def test_a_hint_during_a_round_that_has_read_already_is_not_missed():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        store.gate = asyncio.Event()
        asking = asyncio.create_task(claims.next(ada, LONG))
        await until_rounds(store, 1)
        claims.wake()
        store.gate.set()
        await until_rounds(store, 2)
        asking.cancel()


async def test_all_who_ask_during_a_round_share_the_next():
    store = FakeClaims()
    agents = [await store.agent() for _ in range(20)]
    for _ in agents:
        await store.queue(a_requirement())
    store.gate = asyncio.Event()
    async with serving(store) as claims:
        asking = [asyncio.create_task(claims.next(agent_id, LONG)) for agent_id in agents[:1]]
        await until_rounds(store, 1)
        asking += [asyncio.create_task(claims.next(agent_id, LONG)) for agent_id in agents[1:]]
        await until_idle()
        store.gate.set()
        given = {assignment.lease.ticket_id for assignment in await asyncio.gather(*asking)}
    assert given == set(store.tickets)
    assert store.rounds == [agents[:1], agents[1:]]


async def test_while_a_round_is_written_the_next_one_chooses_from_what_it_left():
    store = FakeClaims()
    ada, grace = await store.agent(), await store.agent()
    first, second = await store.queue(a_requirement()), await store.queue(a_requirement())
    store.pen = asyncio.Event()
    async with serving(store) as claims:
        asking = [asyncio.create_task(claims.next(ada, LONG))]
        await until_rounds(store, 1)
        asking.append(asyncio.create_task(claims.next(grace, LONG)))
        await until_rounds(store, 2)
        await until_idle()
        store.pen.set()
        given = await asyncio.gather(*asking)
    assert [assignment.lease.ticket_id for assignment in given] == [first, second]
    assert store.rounds == [[ada], [grace]]


async def test_what_a_failed_round_had_chosen_is_given_to_the_next():
    store = FakeClaims()
    ada, ticket_id = await store.agent(), await store.queue(a_requirement())
    store.breaks_at_take = True
    async with serving(store) as claims:
        with pytest.raises(StoreUnavailable):
            await claims.next(ada, NO_WAIT)
        store.breaks_at_take = False
        assert (await claims.next(ada, NO_WAIT)).lease.ticket_id == ticket_id


async def test_no_more_than_two_rounds_are_under_way():
    store = FakeClaims()
    agents = [await store.agent() for _ in range(5)]
    for _ in agents:
        await store.queue(a_requirement())
    store.pen = asyncio.Event()
    async with serving(store) as claims:
        asking = []
        for agent_id in agents:
            asking.append(asyncio.create_task(claims.next(agent_id, LONG)))
            await until_idle()
        store.pen.set()
        await asyncio.gather(*asking)
    assert store.rounds == [agents[:1], agents[1:2], agents[2:]]


async def test_an_agent_is_in_one_round_at_a_time():
    store = FakeClaims()
    ada = await store.agent()
    await store.queue(a_requirement())
    store.pen = asyncio.Event()
    async with serving(store) as claims:
        asking = [asyncio.create_task(claims.next(ada, LONG))]
        await until_rounds(store, 1)
        asking.append(asyncio.create_task(claims.next(ada, LONG)))
        claims.wake()
        await until_idle()
        assert store.rounds == [[ada]]
        store.pen.set()
        one, other = await asyncio.gather(*asking)
    assert one == other


async def test_many_who_ask_at_once_are_served_in_several_rounds_in_order():
    store = FakeClaims()
    agents = [await store.agent() for _ in range(TOGETHER + 1)]
    async with serving(store) as claims:
        await asyncio.gather(*(claims.next(agent_id, NO_WAIT) for agent_id in agents))
    assert store.rounds == [agents[:TOGETHER], agents[TOGETHER:]]


async def test_when_many_tickets_of_one_group_are_due_first_all_of_them_are_found():
    store = FakeClaims()
    agents = [await store.agent(skills=["de"]) for _ in range(20)]
    first = [await store.queue(a_requirement()) for _ in agents]
    for queue in range(40):
        await store.queue(a_requirement(queue=f"other {queue}"), due_in=timedelta(hours=2))
    async with serving(store) as claims:
        given = await asyncio.gather(*(claims.next(agent_id, NO_WAIT) for agent_id in agents))
    assert [assignment.lease.ticket_id for assignment in given] == first


async def test_a_group_whose_tickets_go_first_is_read_once_a_round_from_then_on():
    store = FakeClaims()
    agents = [await store.agent(skills=["de"]) for _ in range(20)]
    for _ in range(40):
        await store.queue(a_requirement())
    for queue in range(40):
        await store.queue(a_requirement(queue=f"other {queue}"), due_in=timedelta(hours=2))
    async with serving(store) as claims:
        reads = []
        for _ in range(2):
            given = await asyncio.gather(*(claims.next(agent_id, NO_WAIT) for agent_id in agents))
            reads.append(store.reads)
            for assignment in given:
                await store.see(assignment.lease.ticket_id)
    assert reads == [2, 3]


async def test_an_outage_is_told_to_everybody_who_waits_and_the_lane_goes_on():
    store = FakeClaims()
    ada, grace = await store.agent(), await store.agent()
    async with serving(store) as claims:
        waiting = [await parked(claims, store, ada), await parked(claims, store, grace)]
        store.is_down = True
        claims.wake()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
        store.is_down = False
        ticket_id = await store.queue(a_requirement())
        assert (await claims.next(ada, NO_WAIT)).lease.ticket_id == ticket_id


async def test_who_lost_a_ticket_to_another_process_gets_the_next_at_once():
    store = FakeClaims()
    ada = await store.agent()
    contested = await store.queue(a_requirement(), due_in=timedelta(hours=1))
    free = await store.queue(a_requirement(), due_in=timedelta(hours=2))
    store.tickets[contested].is_locked = True
    async with serving(store) as claims:
        assert (await claims.next(ada, NO_WAIT)).lease.ticket_id == free


async def test_a_lost_ticket_that_the_other_process_gave_back_is_found_again():
    store = FakeClaims()
    ada = await store.agent()
    contested = await store.queue(a_requirement())
    store.tickets[contested].is_locked = True
    async with serving(store, poll_s=0.01) as claims:
        asking = asyncio.create_task(claims.next(ada, LONG))
        await until_rounds(store, 2)
        store.tickets[contested].is_locked = False
        assert (await asking).lease.ticket_id == contested
