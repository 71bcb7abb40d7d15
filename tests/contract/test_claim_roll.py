"""What every claim store must tell of those who ask: what they hold and carry, who gets nothing, what they had."""

from dataclasses import replace

import pytest

from router.decide.claim import READY, Readiness
from router.domain.agent import Status
from router.domain.customer import AgentId
from router.domain.eligibility import Obstacle
from tests.making.assignment import NO_LIMIT
from tests.making.claim_world import World, claim, claim_and_see, matches, roll, take, unseen
from tests.making.moments import HOUR
from tests.making.tickets import a_requirement


async def test_agents_keep_their_order(world: World):
    ada, grace, edsger = [await world.agent() for _ in range(3)]
    await world.queue(a_requirement())
    async with world.round([edsger, ada, grace]) as claim_round:
        asking = (await roll(claim_round)).asking
    assert [agent.agent_id for agent in asking] == [edsger, ada, grace]


async def test_what_agents_hold_is_counted_by_channel(world: World):
    ada, grace = await world.agent(), await world.agent()
    for channel in ("email", "chat", "email"):
        await world.queue(a_requirement(channel=channel))
        await claim_and_see(world, ada)
    async with world.round([ada, grace]) as claim_round:
        asking = (await roll(claim_round)).asking
    assert [agent.held for agent in asking] == [{"email": 2, "chat": 1}, {}]


async def test_an_agent_carries_what_is_said_of_them_and_else_the_default(world: World):
    ada, grace = await world.agent(), await world.agent()
    await world.limit(grace, 3)
    async with world.round([ada, grace]) as claim_round:
        asking = (await roll(claim_round)).asking
    assert [agent.capacity for agent in asking] == [NO_LIMIT, replace(NO_LIMIT, limit=3)]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.AVAILABLE])
async def test_who_is_not_available_is_given_nothing(world: World, status: Status):
    ada, grace = await world.agent(), await world.agent()
    await world.declare(ada, status)
    await world.declare(grace, Status.AVAILABLE)
    assert await readiness(world, ada, grace) == [Readiness(status=status), READY]
    assert Readiness(status=status).obstacle is Obstacle.NOT_AVAILABLE


async def test_who_has_no_status_yet_is_made_available_by_asking(world: World):
    assert await readiness(world, await world.agent()) == [READY]
    assert READY.obstacle is None


async def test_who_is_drained_is_given_nothing(world: World):
    ada = await world.agent()
    await world.drain(ada)
    assert await readiness(world, ada) == [Readiness(is_draining=True)]
    assert Readiness(is_draining=True).obstacle is Obstacle.DRAINING


async def test_who_is_retired_is_given_nothing(world: World):
    ada = await world.agent()
    await world.retire(ada)
    assert await readiness(world, ada) == [Readiness(is_retired=True)]
    assert Readiness(is_retired=True).obstacle is Obstacle.RETIRED


async def test_who_is_in_no_team_any_more_is_given_nothing(world: World):
    ada, grace = await world.agent(), await world.agent()
    await world.leave(ada)
    assert await readiness(world, ada, grace) == [Readiness(is_in_a_team=False), READY]
    assert Readiness(is_in_a_team=False).obstacle is Obstacle.NOT_ELIGIBLE


async def test_of_the_tokens_shown_those_that_were_revoked_or_expired_have_ended(world: World):
    ada, grace = await world.agent(), await world.agent()
    valid, revoked = await world.token(ada), await world.token(ada)
    valid_for_an_hour, expired = await world.token(grace, ends_in=HOUR), await world.token(grace, ends_in=-HOUR)
    not_shown = await world.token(grace)
    for token_id in (revoked, not_shown):
        await world.revoke(token_id)
    async with world.round([ada, grace]) as claim_round:
        found = await roll(claim_round, shown=[valid, revoked, valid_for_an_hour, expired])
    assert found.ended == {revoked, expired}


async def test_what_was_taken_and_not_seen_is_still_there_to_be_answered(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        [taken] = await take(claim_round, await matches(claim_round))
    assert await unseen(world, ada, grace) == [taken]
    await world.see(ticket_id)
    assert await unseen(world, ada, grace) == []


async def test_of_several_unseen_tickets_the_oldest_assignment_is_answered(world: World):
    ada = await world.agent()
    tickets = [await world.queue(a_requirement()) for _ in range(2)]
    async with world.round([ada]) as claim_round:
        [match] = await matches(claim_round)
        for ticket_id in tickets:
            await take(claim_round, [replace(match, ticket_id=ticket_id)])
    assert [assignment.lease.ticket_id for assignment in await unseen(world, ada)] == tickets[:1]


async def test_what_was_assigned_and_not_seen_is_answered_whatever_the_status(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement())
    await claim(world, ada)
    await world.declare(ada, Status.AWAY)
    assert [assignment.lease.ticket_id for assignment in await unseen(world, ada)] == [ticket_id]


async def readiness(world: World, *agents: AgentId) -> list[Readiness]:
    async with world.round(agents) as claim_round:
        return [agent.readiness for agent in (await roll(claim_round)).asking]
