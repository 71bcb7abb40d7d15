"""What every claim store must do, the fake as well as PostgreSQL: which tickets a round reads, and takes."""

import asyncio

import pytest

from router.domain.agent import Lease
from tests.making.claim_world import World, claim, claim_and_see, heads, matches, take, unseen
from tests.making.moments import HOUR
from tests.making.tickets import a_requirement


async def test_the_ticket_due_first_comes_first(world: World):
    ada, grace = await world.agent(), await world.agent()
    later = await world.queue(a_requirement(), due_in=2 * HOUR)
    sooner = await world.queue(a_requirement(channel="chat"), due_in=HOUR)
    assert await claim(world, grace, ada) == {grace: sooner, ada: later}


async def test_tickets_of_other_teams_are_not_read(world: World):
    ada = await world.agent(teams=["complex"])
    await world.queue(a_requirement(team="simple"))
    assert await claim(world, ada) == {}


async def test_tickets_that_ask_for_more_skills_are_not_read(world: World):
    ada = await world.agent(skills=["de"])
    await world.queue(a_requirement(skills=("de", "vip")))
    fits = await world.queue(a_requirement(skills=("de",)), due_in=2 * HOUR)
    assert await claim(world, ada) == {ada: fits}


async def test_no_more_is_read_than_agents_ask_for(world: World):
    ada, grace = await world.agent(), await world.agent()
    for _ in range(5):
        await world.queue(a_requirement())
    async with world.round([ada, grace]) as claim_round:
        assert len(await heads(claim_round)) == 2


async def test_tickets_are_passed_over_when_asked_for(world: World):
    ada = await world.agent()
    first, second = [await world.queue(a_requirement()) for _ in range(2)]
    async with world.round([ada]) as claim_round:
        [(*_, ticket_id)] = await heads(claim_round, passing_over=[first])
    assert ticket_id == second


async def test_a_ticket_is_taken_once(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([grace]) as claim_round:
        late = await matches(claim_round)
        assert await claim(world, ada) == {ada: ticket_id}
        assert not await take(claim_round, late)
    assert await claim(world, grace) == {}


async def test_what_another_round_is_taking_is_left_out_without_waiting(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as first, world.round([grace]) as second:
        late = await matches(second)
        assert [match.ticket_id for match in late] == [ticket_id]
        assert await take(first, await matches(first))
        assert not await take(second, late)


async def test_an_assignment_says_where_the_ticket_waited_and_under_which_lease_it_is_held(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement(queue="billing", channel="sms"), due_in=HOUR)
    async with world.round([ada]) as claim_round:
        [taken] = await take(claim_round, await matches(claim_round))
    assert (taken.agent_id, taken.lease, taken.queue, taken.channel) == (ada, Lease(ticket_id, 1), "billing", "sms")
    assert taken.waited_s > 0


async def test_a_round_that_fails_takes_nothing(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement())
    with pytest.raises(RuntimeError):  # noqa: PT012 - the round is what must fail
        async with world.round([ada]) as claim_round:
            await take(claim_round, await matches(claim_round))
            raise RuntimeError
    assert await unseen(world, ada) == []
    assert await claim(world, ada) == {ada: ticket_id}


async def test_rounds_of_one_agent_come_one_after_another(world: World):
    ada = await world.agent()
    await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        second = asyncio.create_task(unseen(world, ada))
        await take(claim_round, await matches(claim_round))
        done, _ = await asyncio.wait([second], timeout=0.3)
        assert not done
    assert len(await second) == 1


async def test_a_match_says_what_the_agent_held(world: World):
    ada = await world.agent()
    for _ in range(2):
        await world.queue(a_requirement())
    await claim_and_see(world, ada)
    async with world.round([ada]) as claim_round:
        assert [match.load for match in await matches(claim_round)] == [1]


@pytest.mark.parametrize("is_reserved", [False, True])
async def test_queues_that_are_left_out_are_not_read(world: World, is_reserved: bool):
    ada = await world.agent()
    await world.queue(a_requirement(queue="live"), reserved_for=ada if is_reserved else None)
    ticket_id = await world.queue(a_requirement(queue="general"), due_in=2 * HOUR)
    async with world.round([ada]) as claim_round:
        assert [found for *_, found in await heads(claim_round, outside=["live"])] == [ticket_id]


async def test_a_ticket_that_has_moved_to_another_group_is_not_taken(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        late = await matches(claim_round)
        await world.move(ticket_id, a_requirement(queue="expert", team="complex"))
        assert not await take(claim_round, late)
