"""Claims with 1,000,000 tickets waiting in 240 groups: while things go wrong, and compared with 1,000 tickets.

`claim_vs_per_request_1m`: while 200 agents claim, clients hang up, connections break mid-statement and agents are
lost. Afterwards the event log must show that no ticket was ever held twice, outside its group or over capacity. The
time of a claim includes all retries until the answer came.
"""

from prometheus_client import CollectorRegistry

from bench import serving
from bench.burst import Plan, Run, bursts, compared, show
from bench.claims import NO_WAIT, measure
from bench.floor import MANY_GROUPS, REQUEUE_ALL, agents, floor, tidy
from bench.row import Row, Services
from bench.serving import APPLICATION, Side
from router.domain.capacity import Capacity
from router.metrics import Metrics
from router.postgres.database import connected
from tests.making.storm import Chances, Storm
from tests.watching import claim_log

MANY = 1_000_000
FEW = 1_000
ROUNDS = 3
CARRIED = Capacity(limit=18, weights={"chat": 5}, most={"chat": 2})
"""Room for ten tickets, if two of them are chats."""

CHANCES = Chances(hangs_up=0.01, breaks=0.0003, loses=0.001)
"""In a burst of 2,000 claims, 20 clients hang up and 6 agents are lost; in every other burst a connection breaks."""

BACK_AND_FORTH = Plan(bursts=15, tickets_at_once=2, free=REQUEUE_ALL)
"""Few enough that a thousand tickets last."""


async def against_requests(services: Services) -> list[Row]:
    """Compare claims per second in a storm with one claim per request in the same storm."""
    runs: dict[Side, list[Run]] = {serving.lane: [], serving.per_request: []}
    async with floor(services.database_url, MANY_GROUPS, waiting=MANY) as url:
        for seed in range(ROUNDS):
            for side, measured in runs.items():
                measured.append(await _in_a_storm(url, side, seed))
                await tidy(url)
        await _prove(url)
    for side, measured in runs.items():
        show(f"{side.__name__}_1m", measured)
    ours, reference = runs.values()
    return [compared("claim_vs_per_request_1m", ours, reference)]


async def against_a_thousand(services: Services) -> list[Row]:
    """Compare claims per second with `MANY` tickets waiting and with `FEW`."""
    runs: dict[int, list[Run]] = {MANY: [], FEW: []}
    async with (
        floor(services.database_url, MANY_GROUPS, waiting=MANY) as many,
        floor(services.database_url, MANY_GROUPS, waiting=FEW) as few,
    ):
        for _ in range(2 * ROUNDS):
            for waiting, url in ((MANY, many), (FEW, few)):
                runs[waiting].append(await measure(url, serving.lane, CARRIED, BACK_AND_FORTH))
                await tidy(url)
    for waiting, measured in runs.items():
        show(f"lane, {waiting:,} waiting", measured)
    return [compared("claim_1m_vs_1k", runs[MANY], runs[FEW])]


async def _in_a_storm(url: str, side: Side, seed: int) -> Run:
    metrics = Metrics(CollectorRegistry())
    async with side(url, CARRIED) as answering, connected(url, metrics, size=2, name="storm") as database:
        storm = Storm(database, await agents(url), chances=CHANCES, victims=APPLICATION, seed=seed)
        return await bursts(
            url,
            lambda agent: storm.next(lambda agent: answering.next(agent, NO_WAIT), agent),
            Plan(),
            after_each=storm.strike,
        )


async def _prove(url: str) -> None:
    async with connected(url, Metrics(CollectorRegistry()), size=1, name="proof") as database:
        happened = await claim_log.events(database)
        problems = claim_log.violations(happened, await claim_log.eligible_groups(database), CARRIED)
    print(f"{len(happened):,} events, {len(problems)} broken promises")
    if problems:
        raise RuntimeError("; ".join(problems[:10]))
