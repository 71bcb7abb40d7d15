"""What every claim store must do with tickets that are reserved for one agent."""

from datetime import timedelta

import pytest

from tests.making.claim_world import World, claim, heads, matches, take
from tests.making.moments import HOUR
from tests.making.tickets import a_requirement


async def test_a_reserved_ticket_is_for_its_agent_alone(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement(), reserved_for=grace)
    assert await claim(world, ada) == {}
    assert await claim(world, ada, grace) == {grace: ticket_id}


@pytest.mark.parametrize("reserved_due_in", [1 * HOUR, 3 * HOUR])
async def test_a_reserved_ticket_takes_its_turn_among_the_others(world: World, reserved_due_in: timedelta):
    ada = await world.agent()
    tickets = {
        reserved_due_in: await world.queue(a_requirement(), due_in=reserved_due_in, reserved_for=ada),
        2 * HOUR: await world.queue(a_requirement(), due_in=2 * HOUR),
    }
    assert await claim(world, ada) == {ada: tickets[min(tickets)]}


async def test_a_reserved_ticket_does_not_ask_for_skills_again(world: World):
    ada = await world.agent(skills=())
    ticket_id = await world.queue(a_requirement(skills=("vip",)), reserved_for=ada)
    assert await claim(world, ada) == {ada: ticket_id}


async def test_a_ticket_of_another_team_is_not_read_though_it_is_reserved(world: World):
    ada = await world.agent(teams=["complex"])
    await world.queue(a_requirement(team="simple"), reserved_for=ada)
    assert await claim(world, ada) == {}


async def test_of_what_is_reserved_the_first_of_each_channel_is_read(world: World):
    ada = await world.agent()
    channels = ["chat", "chat", "email", "chat", "email"]
    tickets = [await world.queue(a_requirement(channel=channel), reserved_for=ada) for channel in channels]
    async with world.round([ada]) as claim_round:
        read = [ticket_id for *_, ticket_id in await heads(claim_round)]
    assert read == [tickets[0], tickets[2]]


async def test_a_ticket_reserved_for_somebody_else_since_is_not_taken(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        late = await matches(claim_round)
        await world.reserve(ticket_id, grace)
        assert not await take(claim_round, late)
