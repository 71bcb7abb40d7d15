"""Claims by 200 agents on 100,000 waiting tickets, beside one claim per request.

Ours is the lane itself (`router.flow.claims` on `router.postgres.claims`). There are two references, both over 20
connections, the number at which they are fastest: the bare claim, one statement with `FOR UPDATE SKIP LOCKED LIMIT 1`,
and a request that keeps all that `next` promises. All are measured in turns on equally filled tables.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median, quantiles
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from prometheus_client import CollectorRegistry

from bench.row import Row, Services, faster
from router.domain.customer import AgentId
from router.flow.claims import Claims
from router.metrics import Metrics
from router.postgres.claims import PostgresClaims
from router.postgres.database import connected
from router.postgres.migrate import migrate
from tests.assignment import a_policy

AGENTS = 200
WAITING = 100_000
ROUNDS = 3
BURSTS = 5
TICKETS_AT_ONCE = 10
"""In a burst every agent takes as many as one can hold; then all are resolved, which is not measured."""

REFERENCE_CONNECTIONS = 20

Next = Callable[[AgentId], Awaitable[object]]
Side = Callable[[str], AbstractAsyncContextManager[Next]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How tickets are spread: every team has all of `groups_per_team`, an agent belongs to one team."""

    name: str
    teams: int
    groups_per_team: int
    skills_per_agent: int


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: claims per second and how long each claim took, in seconds."""

    rate: float
    latencies: list[float]

    @property
    def percentiles_ms(self) -> tuple[float, float]:
        """The median and the 99th percentile."""
        cuts = quantiles(self.latencies, n=100)
        return cuts[49] * 1000, cuts[98] * 1000


ONE_GROUP = Shape("claim_vs_per_request", teams=1, groups_per_team=1, skills_per_agent=1)
# 30 skills in a team, one for each group; an agent has 13 of them
MANY_GROUPS = Shape("claim_vs_per_request_240", teams=8, groups_per_team=30, skills_per_agent=13)

FILL = {
    "agents": """
        insert into agent (name, skills)
        select 'agent' || n, array(
          select 'skill' || ((n * 7 + k) % $2) from generate_series(1, $3) as k)
        from generate_series(1, $1) as n""",
    "teams": """
        insert into agent_team (agent_id, team)
        select id, 'team' || (id % $1) from agent""",
    "groups": """
        insert into skill_group (queue, team, skills, channel)
        select 'queue' || t, 'team' || t, array['skill' || k], 'email'
        from generate_series(0, $1 - 1) as t, generate_series(0, $2 - 1) as k""",
    "agent groups": """
        insert into agent_group (agent_id, group_id)
        select agent.id, skill_group.id
        from agent
        join agent_team on agent_team.agent_id = agent.id
        join skill_group on skill_group.team = agent_team.team and agent.skills @> skill_group.skills""",
    "customers": """
        insert into customer (id, created_at)
        select n, now() from generate_series(1, 1000) as n""",
}
QUEUE = """
    insert into ticket (
      id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
      reasons, skills, target_s, enqueued_at, due_at, last_customer_at, created_at)
    select
      nextval('ticket_ids'), 1 + n % 1000, 'email', 'Subject of ticket ' || n, 'queued', skill_group.queue,
      skill_group.team, skill_group.id, 'everything', 'v1', 'simple', 0.4,
      '[{"signal": "length", "weight": 0.3, "words": "a long message"}]', skill_group.skills, 3600,
      now(), now() + interval '1 hour' + interval '1 millisecond' * n, now(), now()
    from generate_series(1, $1) as n
    join (select *, row_number() over (order by id) - 1 as position, count(*) over () as groups from skill_group)
      as skill_group on skill_group.position = n % groups"""

# Between two claims an agent's client shows the ticket, which marks it as seen. What that costs is not measured: on
# both sides every ticket is seen at once.
SEEN_AT_ONCE = """
    create function seen_at_once() returns trigger language plpgsql as $$
    begin
      new.is_seen := true;
      return new;
    end $$"""
RESOLVE_ALL = "update ticket set state = 'resolved', assigned_to = null where state = 'assigned'"
# Locks the head of each of the agent's groups and takes the one due first. Locking only that one, among some unlocked
# candidates of each group, is slower: 1,900 to 3,200 claims/s in 240 groups.
CLAIM_ONE = """
    with taken as (
      update ticket
      set
        state = 'assigned', assigned_to = $1, assigned_at = statement_timestamp(), lease_epoch = lease_epoch + 1,
        is_seen = false
      where id = (
        select head.id
        from agent_group
        cross join lateral (
          select id, due_at from ticket
          where group_id = agent_group.group_id and state = 'queued'
          order by due_at, id
          limit 1
          for no key update skip locked
        ) as head
        where agent_group.agent_id = $1
        order by head.due_at, head.id
        limit 1)
      returning *
    ), noted as (
      insert into ticket_event (ticket_id, at, kind, state, actor, data)
      select
        id, assigned_at, 'accept', 'assigned', 'agent:' || assigned_to,
        jsonb_build_object(
          'queue', queue, 'group', group_id, 'due_at', due_at, 'lease_epoch', lease_epoch,
          'waited_s', extract(epoch from assigned_at - enqueued_at), 'policy_version', policy_version)
      from taken
    )
    select id, lease_epoch, assigned_to, queue, channel, enqueued_at, due_at, assigned_at from taken"""


# What `next` promises is more: the same ticket again after a lost answer, one ticket at a time for an agent with two
# clients. One request that keeps this locks the agent and looks, in statements of their own, before it claims.
LOCK_AGENT = "select from agent where id = $1 for no key update"
UNSEEN = """
    select id, lease_epoch, assigned_to, queue, channel, enqueued_at, due_at, assigned_at
    from ticket
    where assigned_to = $1 and state = 'assigned' and not is_seen
    order by assigned_at, id
    limit 1"""


async def run(services: Services) -> list[Row]:
    """Claims per second in one group and in 240, each beside two references: the bare statement, and all of `next`."""
    return [row for shape in (ONE_GROUP, MANY_GROUPS) for row in await _compare(services, shape)]


async def _compare(services: Services, shape: Shape) -> list[Row]:
    runs: dict[Side, list[Run]] = {_lane: [], _per_request: [], _whole_next: []}
    async with _database(services.database_url) as url:
        await _fill(url, shape)
        for _ in range(ROUNDS):
            for side, measured in runs.items():
                measured.append(await _measure(url, side))
    for side, measured in runs.items():
        _show(shape, side, measured)
    ours, bare, whole = ([run.rate for run in measured] for measured in runs.values())
    return [
        faster(shape.name, ours, bare, "claims/s"),
        faster(shape.name.replace("per_request", "whole_next"), ours, whole, "claims/s"),
    ]


def _show(shape: Shape, side: Side, runs: list[Run]) -> None:
    p50, p99 = (median(values) for values in zip(*(run.percentiles_ms for run in runs), strict=True))
    rate = median(run.rate for run in runs)
    print(f"{shape.name} {side.__name__}: {rate:,.0f} claims/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")


async def _measure(url: str, serving: Side) -> Run:
    await _refill(url)
    latencies: list[float] = []
    took = 0.0
    async with serving(url) as next_ticket:
        agents = await _agents(url)
        await _burst(url, agents, next_ticket, [])  # prepares the statements of every connection
        for _ in range(BURSTS):
            took += await _burst(url, agents, next_ticket, latencies)
    return Run(len(latencies) / took, latencies)


async def _burst(url: str, agents: list[AgentId], next_ticket: Next, latencies: list[float]) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(_work(agent, next_ticket, latencies) for agent in agents))
    took = time.perf_counter() - started
    await _run(url, RESOLVE_ALL)
    return took


async def _work(agent: AgentId, next_ticket: Next, latencies: list[float]) -> None:
    for _ in range(TICKETS_AT_ONCE):
        asked = time.perf_counter()
        if await next_ticket(agent) is None:
            raise RuntimeError("an agent found nothing among so many")
        latencies.append(time.perf_counter() - asked)


@asynccontextmanager
async def _lane(url: str) -> AsyncIterator[Next]:
    metrics = Metrics(CollectorRegistry())
    async with connected(url, metrics, size=2, name="bench") as database:
        claims = Claims(PostgresClaims(database), metrics, policy=a_policy())
        lane = asyncio.create_task(claims.run())
        yield lambda agent: claims.next(agent, timedelta(seconds=5))
        lane.cancel()
        await asyncio.wait([lane])


@asynccontextmanager
async def _per_request(url: str) -> AsyncIterator[Next]:
    async with _pool(url) as pool:
        yield lambda agent: pool.fetchrow(CLAIM_ONE, agent)


@asynccontextmanager
async def _whole_next(url: str) -> AsyncIterator[Next]:
    async with _pool(url) as pool:

        async def next_ticket(agent: AgentId) -> object:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(LOCK_AGENT, agent)
                return await connection.fetchrow(UNSEEN, agent) or await connection.fetchrow(CLAIM_ONE, agent)

        yield next_ticket


def _pool(url: str) -> "asyncpg.Pool[asyncpg.Record]":
    return asyncpg.create_pool(
        url, min_size=REFERENCE_CONNECTIONS, max_size=REFERENCE_CONNECTIONS, server_settings={"jit": "off"}
    )


async def _agents(url: str) -> list[AgentId]:
    return [AgentId(row["id"]) for row in await _run(url, "select id from agent order by id")]


async def _fill(url: str, shape: Shape) -> None:
    await _run(url, FILL["agents"], AGENTS, shape.groups_per_team, shape.skills_per_agent)
    await _run(url, FILL["teams"], shape.teams)
    await _run(url, FILL["groups"], shape.teams, shape.groups_per_team)
    await _run(url, FILL["agent groups"])
    await _run(url, FILL["customers"])
    await _run(url, SEEN_AT_ONCE)
    await _run(url, "create trigger seen_at_once before update on ticket for each row execute function seen_at_once()")


async def _refill(url: str) -> None:
    await _run(url, "truncate ticket, ticket_event, conversation, mail_reference, refusal")
    await _run(url, QUEUE, WAITING)
    await _run(url, "vacuum analyze")
    await _run(url, "checkpoint")


async def _run(url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


@asynccontextmanager
async def _database(server_url: str) -> AsyncIterator[str]:
    name = f"frontdesk_bench_{uuid4().hex[:12]}"
    await _run(server_url, f"create database {name}")
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    try:
        await migrate(url)
        yield url
    finally:
        await _run(server_url, f"drop database {name} with (force)")
