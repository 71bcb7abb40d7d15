"""A claim store that can be furnished, the fake as well as PostgreSQL, and the steps of its rounds."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from router.decide.claim import Head, Match, assign, depths
from router.domain.agent import Role, Status, TokenId
from router.domain.customer import AgentId
from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.flow.assign.claims import Assignment, ClaimRound, ClaimStore, Roll
from router.postgres import groups
from router.postgres.assign.claims import PostgresClaims
from router.postgres.database import Database
from tests.making.agents import an_agent, declare
from tests.making.assignment import NO_LIMIT
from tests.making.moments import HOUR
from tests.making.tickets import queue_ticket

TOKEN = """
    insert into token (name, role, agent_id, hash, expires_at)
    values (gen_random_uuid(), $1, $2, sha256(gen_random_uuid()::text::bytea), now() + $3::interval)
    returning id"""
REVOKE = "update token set revoked_at = now() where id = $1"
RESERVE = "update ticket set reserved_for = $2, reserved_until = now() + interval '1 hour' where id = $1"
MOVE = "update ticket set group_id = $2, queue = $3, team = $4 where id = $1"


class World(ClaimStore, Protocol):
    """A store that can also be furnished."""

    async def agent(self, *, teams: Collection[str] = ..., skills: Collection[str] = ...) -> AgentId: ...

    async def limit(self, agent_id: AgentId, limit: int) -> None: ...

    async def declare(self, agent_id: AgentId, status: Status) -> None: ...

    async def drain(self, agent_id: AgentId) -> None: ...

    async def retire(self, agent_id: AgentId) -> None: ...

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
        return (await an_agent(self.database, f"agent {self.agents}", teams=teams, skills=skills)).id

    async def limit(self, agent_id: AgentId, limit: int) -> None:
        await self.database.execute("test", "update agent set capacity = $2 where id = $1", agent_id, limit)

    async def declare(self, agent_id: AgentId, status: Status) -> None:
        await declare(self.database, agent_id, status)

    async def drain(self, agent_id: AgentId) -> None:
        await self.database.execute("test", "update agent set is_draining = true where id = $1", agent_id)

    async def retire(self, agent_id: AgentId) -> None:
        await self.database.execute("test", "update agent set retired_at = now() where id = $1", agent_id)

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
    return assign((await roll(claim_round)).asking, await heads(claim_round))


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
