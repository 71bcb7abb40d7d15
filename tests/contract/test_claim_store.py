"""What every claim store must do, the fake as well as PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from prometheus_client import CollectorRegistry

from router.decide.offer import Head, Match, depths, offer
from router.domain.agent import Lease, Role, Status, TokenId
from router.domain.customer import AgentId
from router.domain.ticket import Requirement, TicketId
from router.flow.claims import Assignment, ClaimRound, ClaimStore, Roll
from router.metrics import Metrics
from router.postgres import groups
from router.postgres.claims import PostgresClaims
from router.postgres.database import Database, connected
from tests.agents import Agents
from tests.assignment import NO_LIMIT
from tests.fake_claims import FakeClaims
from tests.tickets import a_requirement, queue_ticket

HOUR = timedelta(hours=1)
DECLARE = """
    insert into presence (agent_id, status, since, seen_at, idle_since)
    values ($1, $2, now(), now(), now())
    on conflict (agent_id) do update set status = excluded.status"""
TOKEN = """
    insert into token (name, role, agent_id, hash, expires_at)
    values (gen_random_uuid(), $1, $2, sha256(gen_random_uuid()::text::bytea), now() + $3::interval)
    returning id"""
REVOKE = "update token set revoked_at = now() where id = $1"
RESERVE = "update ticket set preferred_agent_id = $2, preferred_until = now() + interval '1 hour' where id = $1"
MOVE = "update ticket set group_id = $2, queue = $3, team = $4 where id = $1"


class World(ClaimStore, Protocol):
    """A store that can also be furnished."""

    async def agent(self, *, teams: Collection[str] = ..., skills: Collection[str] = ...) -> AgentId: ...

    async def limit(self, agent_id: AgentId, limit: int) -> None: ...

    async def declare(self, agent_id: AgentId, status: Status) -> None: ...

    async def drain(self, agent_id: AgentId) -> None: ...

    async def leave(self, agent_id: AgentId) -> None: ...

    async def token(self, agent_id: AgentId, *, ends_in: timedelta | None = ...) -> TokenId: ...

    async def revoke(self, token_id: TokenId) -> None: ...

    async def queue(
        self, requirement: Requirement, *, due_in: timedelta = ..., reserved_for: AgentId | None = ...
    ) -> TicketId: ...

    async def reserve(self, ticket_id: TicketId, agent_id: AgentId) -> None: ...

    async def move(self, ticket_id: TicketId, requirement: Requirement) -> None: ...

    async def see(self, ticket_id: TicketId) -> None: ...


class PostgresWorld(PostgresClaims):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database
        self.agents = 0

    async def agent(self, *, teams: Collection[str] = ("simple",), skills: Collection[str] = ()) -> AgentId:
        self.agents += 1
        return (await Agents(self.database).save(f"agent {self.agents}", teams=teams, skills=skills)).id

    async def limit(self, agent_id: AgentId, limit: int) -> None:
        await self.database.execute("test", "update agent set capacity = $2 where id = $1", agent_id, limit)

    async def declare(self, agent_id: AgentId, status: Status) -> None:
        await self.database.execute("test", DECLARE, agent_id, status)

    async def drain(self, agent_id: AgentId) -> None:
        await self.database.execute("test", "update agent set is_draining = true where id = $1", agent_id)

    async def leave(self, agent_id: AgentId) -> None:
        await self.database.execute("test", "delete from agent_team where agent_id = $1", agent_id)

    async def token(self, agent_id: AgentId, *, ends_in: timedelta | None = None) -> TokenId:
        [row] = await self.database.fetch("test", TOKEN, Role.AGENT, agent_id, ends_in)
        return TokenId(row["id"])

    async def revoke(self, token_id: TokenId) -> None:
        await self.database.execute("test", REVOKE, token_id)

    async def queue(
        self, requirement: Requirement, *, due_in: timedelta = HOUR, reserved_for: AgentId | None = None
    ) -> TicketId:
        ticket_id = await queue_ticket(self.database, requirement, due_in=due_in)
        if reserved_for:
            await self.reserve(ticket_id, reserved_for)
        return ticket_id

    async def reserve(self, ticket_id: TicketId, agent_id: AgentId) -> None:
        await self.database.execute("test", RESERVE, ticket_id, agent_id)

    async def move(self, ticket_id: TicketId, requirement: Requirement) -> None:
        async with self.database.transaction("test") as connection:
            [group_id] = (await groups.ensure(connection, [requirement])).values()
            await connection.execute(MOVE, ticket_id, group_id, requirement.queue, requirement.team)

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


async def roll(claim_round: ClaimRound, shown: Collection[TokenId] = ()) -> Roll:
    return await claim_round.roll(NO_LIMIT, shown)


async def heads(
    claim_round: ClaimRound, *, passing_over: Collection[TicketId] = (), outside: Collection[str] = ()
) -> Sequence[Head]:
    """What waits for those who ask."""
    asking = (await roll(claim_round)).asking
    agents = [agent.agent_id for agent in asking]
    return await claim_round.heads(depths(asking), reserved_for=agents, passing_over=passing_over, outside=outside)


async def matches(claim_round: ClaimRound) -> list[Match]:
    return offer((await roll(claim_round)).asking, await heads(claim_round))


async def take(claim_round: ClaimRound, matches: Sequence[Match]) -> Sequence[Assignment]:
    return await claim_round.take(matches, asked=len(matches), policy_version="v2")


async def claim(world: World, *agents: AgentId) -> dict[AgentId, TicketId]:
    """One whole round; the tickets taken in it."""
    async with world.round(agents) as claim_round:
        taken = await take(claim_round, await matches(claim_round))
    return {assignment.agent_id: assignment.lease.ticket_id for assignment in taken}


async def claim_and_see(world: World, agent_id: AgentId) -> None:
    [ticket_id] = (await claim(world, agent_id)).values()
    await world.see(ticket_id)


async def unseen(world: World, *agents: AgentId) -> list[Assignment]:
    async with world.round(agents) as claim_round:
        return list((await roll(claim_round)).unseen)


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
        asking = (await roll(claim_round)).asking
    assert [agent.agent_id for agent in asking] == [edsger, ada, grace]


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


async def test_a_match_says_what_the_agent_held(world: World):
    ada = await world.agent()
    for _ in range(2):
        await world.queue(a_requirement())
    await claim_and_see(world, ada)
    async with world.round([ada]) as claim_round:
        assert [match.load for match in await matches(claim_round)] == [1]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.AVAILABLE])
async def test_who_is_not_available_is_withheld_from(world: World, status: Status):
    ada, grace = await world.agent(), await world.agent()
    await world.declare(ada, status)
    await world.declare(grace, Status.AVAILABLE)
    async with world.round([ada, grace]) as claim_round:
        found = await roll(claim_round)
    assert found.withheld == {ada: status}
    assert [agent.agent_id for agent in found.asking] == [grace]


async def test_who_is_drained_is_withheld_from(world: World):
    ada = await world.agent()
    await world.drain(ada)
    async with world.round([ada]) as claim_round:
        found = await roll(claim_round)
    assert (found.withheld, found.asking) == ({ada: "draining"}, [])


async def test_who_is_in_no_team_any_more_is_withheld_from(world: World):
    ada, grace = await world.agent(), await world.agent()
    await world.leave(ada)
    async with world.round([ada, grace]) as claim_round:
        found = await roll(claim_round)
    assert (found.withheld, [agent.agent_id for agent in found.asking]) == ({ada: "teamless"}, [grace])


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


async def test_what_was_assigned_and_not_seen_is_answered_whatever_the_status(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement())
    await claim(world, ada)
    await world.declare(ada, Status.AWAY)
    assert [assignment.lease.ticket_id for assignment in await unseen(world, ada)] == [ticket_id]


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


@pytest.mark.parametrize("is_reserved", [False, True])
async def test_queues_that_are_left_out_are_not_read(world: World, is_reserved: bool):
    ada = await world.agent()
    await world.queue(a_requirement(queue="live"), reserved_for=ada if is_reserved else None)
    ticket_id = await world.queue(a_requirement(queue="general"), due_in=2 * HOUR)
    async with world.round([ada]) as claim_round:
        assert [found for *_, found in await heads(claim_round, outside=["live"])] == [ticket_id]


async def test_a_ticket_reserved_for_somebody_else_since_is_not_taken(world: World):
    ada, grace = await world.agent(), await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        late = await matches(claim_round)
        await world.reserve(ticket_id, grace)
        assert not await take(claim_round, late)


async def test_a_ticket_that_has_moved_to_another_group_is_not_taken(world: World):
    ada = await world.agent()
    ticket_id = await world.queue(a_requirement())
    async with world.round([ada]) as claim_round:
        late = await matches(claim_round)
        await world.move(ticket_id, a_requirement(queue="expert", team="complex"))
        assert not await take(claim_round, late)
