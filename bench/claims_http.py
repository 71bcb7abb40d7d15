"""Claims over HTTP by 200 agents, each on their own connection, compared with the same API and one claim per request.

Both sides do everything but the claim in the same way: they look up the token, then read and send the ticket's whole
page. The clients run in another process.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from subprocess import PIPE
from typing import cast

from prometheus_client import CollectorRegistry

from bench import floor
from bench.burst import Plan, Run, compared, run_of, show
from bench.claims import CARRIED, ROUNDS, WAITING
from bench.clients import Burst, Clients
from bench.floor import MANY_GROUPS
from bench.row import Row, Services
from bench.serving import Side, lane, per_request
from router.api.access import Renewing
from router.api.connections import serving
from router.api.me import MeEndpoints
from router.api.server import build
from router.domain.agent import Role
from router.flow.assign.claims import Claims
from router.flow.assign.presence import Presences
from router.flow.see.me import Myself
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.assign.presence import PostgresPresence
from router.postgres.database import connected
from router.postgres.see.reading import PostgresReading
from router.postgres.work.agents import PostgresAgents
from router.postgres.work.tokens import Tokens

CONNECTIONS = 20
"""Connections for reading pages, on both sides."""

POLICY = "\n".join(
    (
        f"teams: {{{', '.join(f'team{n}: {{takes: any}}' for n in range(MANY_GROUPS.teams))}}}",
        f"queues: {{{', '.join(f'queue{n}: {{team: team{n}}}' for n in range(MANY_GROUPS.teams))}}}",
        "routes:",
        *(
            f"  - {{name: route{n}, when: {{account: account{n}}}, queue: queue{n}, target: 1h}}"
            for n in range(1, MANY_GROUPS.teams)
        ),
        "  - {name: rest, queue: queue0, target: 1h}",
        "triage: {bias: -1}",
    )
)


async def run(services: Services) -> list[Row]:
    """Compare claims per second over HTTP with one claim per request."""
    runs: dict[Side, list[Run]] = {lane: [], per_request: []}
    async with floor.floor(services.database_url, MANY_GROUPS, waiting=0) as url:
        secrets = await _secrets(url)
        for _ in range(ROUNDS):
            for side, measured in runs.items():
                await floor.refill(url, WAITING)
                measured.append(await _measure(url, side, secrets))
    for side, measured in runs.items():
        show(f"{side.__name__} over HTTP", measured)
    return [compared("claim_http_vs_per_request", *runs.values())]


async def _secrets(url: str) -> list[str]:
    """Make a token for each agent."""
    async with connected(url, Metrics(CollectorRegistry()), size=1, name="tokens") as database:
        names = [row["name"] for row in await database.fetch("tokens", "select name from agent")]
        return [await Tokens(database).create(name, Role.AGENT, agent_name=name) for name in names]


async def _measure(url: str, side: Side, secrets: Sequence[str]) -> Run:
    plan = Plan()
    async with (
        side(url, CARRIED) as answering,
        _api(url, cast("Claims", answering)) as address,
        _clients(Clients(url=address, secrets=secrets, tickets_at_once=plan.tickets_at_once)) as clients,
    ):
        bursts = []
        for _ in range(plan.bursts + 1):
            bursts.append(await _burst(clients))
            await floor.run(url, plan.free)
    latencies = [latency for burst in bursts[1:] for latency in burst.latencies]
    return run_of(latencies, sum(burst.took for burst in bursts[1:]), plan)


@asynccontextmanager
async def _api(url: str, claims: Claims) -> AsyncIterator[str]:
    """Serve what agents ask for themselves, and yield the address of the next ticket."""
    metrics, policy = Metrics(CollectorRegistry()), parse_policy(POLICY)
    async with connected(url, metrics, size=CONNECTIONS, name="api") as database:
        presences = Presences(PostgresPresence(database), lambda: policy, metrics)
        me = MeEndpoints(
            claims=claims,
            reading=PostgresReading(database),
            myself=Myself(PostgresAgents(database), lambda: policy),
            presences=presences,
        )
        app = build([me], principals=Renewing(Tokens(database), presences), metrics=metrics)
        async with serving(app, host="127.0.0.1", port=0) as port:
            yield f"http://127.0.0.1:{port}/v1/me/next"


@asynccontextmanager
async def _clients(clients: Clients) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.clients", stdin=PIPE, stdout=PIPE, limit=2**24
    )
    assert process.stdin
    try:
        process.stdin.write(clients.model_dump_json().encode() + b"\n")
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def _burst(clients: asyncio.subprocess.Process) -> Burst:
    assert clients.stdin
    assert clients.stdout
    clients.stdin.write(b"\n")
    line = await clients.stdout.readline()
    if not line:
        raise RuntimeError("the clients stopped: see their error above")
    return Burst.model_validate_json(line)
