"""What every claim store must do, the fake as well as PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from typing import Protocol

import pytest
from prometheus_client import CollectorRegistry

from router.decide.offer import Match, depths, offer
from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.ticket import Requirement, TicketId
from router.flow.claims import Assignment, ClaimStore
from router.metrics import Metrics
from router.postgres.claims import PostgresClaims
from router.postgres.database import Database, connected
from tests.agents import Agents
from tests.fake_claims import FakeClaims
from tests.tickets import a_requirement, queue_ticket

HOUR = timedelta(hours=1)


class World(ClaimStore, Protocol):
    """A store that can also be furnished."""

    async def agent(self, *, teams: Collection[str] = ..., skills: Collection[str] = ...) -> AgentId: ...

    async def queue(self, requirement: Requirement, *, due_in: timedelta = ...) -> TicketId: ...

    async def see(self, ticket_id: TicketId) -> None: ...


class PostgresWorld(PostgresClaims):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database
        self.agents = 0

    async def agent(self, *, teams: Collection[str] = ("simple",), skills: Collection[str] = ()) -> AgentId:
        self.agents += 1
        return (await Agents(self.database).save(f"agent {self.agents}", teams=teams, skills=skills)).id

    async def queue(self, requirement: Requirement, *, due_in: timedelta = HOUR) -> TicketId:
        return await queue_ticket(self.database, requirement, due_in=due_in)

    async def see(self, ticket_id: TicketId) -> None:
        await self.database.execute("test", "update ticket set is_seen = true where id = $1", ticket_id)


@pytest.fixture
def fake() -> FakeClaims:
    return FakeClaims()


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[PostgresWorld]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=4, name="test") as database:
        yield PostgresWorld(database)


@pytest.fixture(params=["fake", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(request.param)


async def claim(world: World, *agents: AgentId) -> dict[AgentId, TicketId]:
    """One whole round; the tickets taken in it."""
    async with world.round(agents) as claim_round:
        _, asking = await claim_round.asking()
        taken = await claim_round.take(offer(asking, await claim_round.heads(depths(asking), passing_over=[])))
    return {assignment.agent_id: assignment.lease.ticket_id for assignment in taken}


async def unseen(world: World, *agents: AgentId) -> list[Assignment]:
    async with world.round(agents) as claim_round:
        unseen, _ = await claim_round.asking()
    return list(unseen)


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


async def test_agents_keep_their_order(world: World):
    ada, grace, edsger = [await world.agent() for _ in range(3)]
    await world.queue(a_requirement())
    async with world.round([edsger, ada, grace]) as claim_round:
        _, asking = await claim_round.asking()
    assert [agent.agent_id for agent in asking] == [edsger, ada, grace]


async def test_no_more_is_read_than_agents_ask_for(world: World):
    ada, grace = await world.agent(), await world.agent()
    for _ in range(5):
        await world.queue(a_requirement())
    async with world.round([ada, grace]) as claim_round:
        _, asking = await claim_round.asking()
        heads = await claim_round.heads(depths(asking), passing_over=[])
    assert len(heads) == 2


async def test_tickets_are_passed_over_when_asked_for(world: World):
    ada = await world.agent()
    first, second = [await world.queue(a_requirement()) for _ in range(2)]
    async with world.round([ada]) as claim_round:
        _, asking = await claim_round.asking()
        [(_, ticket_id)] = await claim_round.heads(depths(asking), passing_over=[first])
    assert ticket_id == second


async def test_a_ticket_is_taken_once(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    assert await claim(world, ada) == {ada: ticket_id}
    async with world.round([grace]) as claim_round:
        assert not await claim_round.take([Match(grace, ticket_id)])
    assert await claim(world, grace) == {}


async def test_what_another_round_is_taking_is_left_out_without_waiting(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as first, world.round([grace]) as second:
        assert await first.take([Match(ada, ticket_id)])
        assert not await second.take([Match(grace, ticket_id)])


async def test_an_assignment_says_where_the_ticket_waited_and_under_which_lease_it_is_held(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement(queue="billing", channel="sms"), due_in=HOUR)
    async with world.round([ada]) as claim_round:
        [taken] = await claim_round.take([Match(ada, ticket_id)])
    assert (taken.agent_id, taken.lease, taken.queue, taken.channel) == (ada, Lease(ticket_id, 1), "billing", "sms")
    assert taken.waited_s > 0


async def test_what_was_taken_and_not_seen_is_still_there_to_be_answered(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        [taken] = await claim_round.take([Match(ada, ticket_id)])
    assert await unseen(world, ada, grace) == [taken]
    await world.see(ticket_id)
    assert await unseen(world, ada, grace) == []


async def test_of_several_unseen_tickets_the_oldest_assignment_is_answered(world: World):
    ada = await world.agent()
    tickets = [await world.queue(a_requirement()) for _ in range(2)]
    for ticket_id in tickets:
        async with world.round([ada]) as claim_round:
            await claim_round.take([Match(ada, ticket_id)])
    assert [assignment.lease.ticket_id for assignment in await unseen(world, ada)] == tickets[:1]


async def test_a_round_that_fails_takes_nothing(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement())
    with pytest.raises(RuntimeError):  # noqa: PT012 - the round is what must fail
        async with world.round([ada]) as claim_round:
            await claim_round.take([Match(ada, ticket_id)])
            raise RuntimeError
    assert await unseen(world, ada) == []
    assert await claim(world, ada) == {ada: ticket_id}


async def test_rounds_of_one_agent_come_one_after_another(world: World):
    ada = await world.agent()
    await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        second = asyncio.create_task(unseen(world, ada))
        _, asking = await claim_round.asking()
        await claim_round.take(offer(asking, await claim_round.heads(depths(asking), passing_over=[])))
        done, _ = await asyncio.wait([second], timeout=0.3)
        assert not done
    assert len(await second) == 1
