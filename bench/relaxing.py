"""Claims while 100,000 of 300,000 waiting tickets are relaxed at once, compared with claims while none are.

The tickets due first are relaxed, and these are the ones that agents would get next: they leave the heads of their
groups, no longer ask for a skill, and move forward.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import PIPE

from bench import serving
from bench.burst import Plan, Run, percentiles_ms, show
from bench.claims import CARRIED, ROUNDS, measure
from bench.floor import MANY_GROUPS, floor, refill, run, tidy
from bench.row import Row, Services

WAITING = 300_000
RELAXED = 100_000
BURSTS = 12
"""Enough to keep the timers busy all the time, and to keep chance out of the 99th percentile."""

LOOK_EVERY_S = 0.5

HAVE_WAITED = """
    update ticket
    set enqueued_at = now() - interval '10 minutes', relax_at = case when $2::boolean then now() end
    where id in (select id from ticket order by due_at, id limit $1)"""
LEFT = "select count(*) as tickets from ticket where state = 'queued' and relax_at is not null"
TOOK = "select extract(epoch from max(at) - min(at))::float8 as seconds from ticket_event where kind = 'relax'"


async def claims(services: Services) -> list[Row]:
    """Compare the 99th percentile of how long a claim takes."""
    runs: dict[bool, list[Run]] = {True: [], False: []}
    async with floor(services.database_url, MANY_GROUPS, waiting=0) as url:
        for _ in range(ROUNDS):
            for are_due, measured in runs.items():
                await refill(url, WAITING)
                await run(url, HAVE_WAITED, RELAXED, are_due)
                await tidy(url)
                measured.append(await _measure(url, are_due=are_due))
    show("claims while relaxing", runs[True])
    show("claims without", runs[False])
    (_, ours), (_, reference) = percentiles_ms(runs[True]), percentiles_ms(runs[False])
    row = Row(
        name="claim_p99_while_relaxing",
        ours=round(ours, 1),
        reference=round(reference, 1),
        ratio=round(reference / ours, 2),
        unit="ms",
    )
    return [row]


async def _measure(url: str, *, are_due: bool) -> Run:
    """Measure while the timers run; raises `RuntimeError` if they finish before the agents."""
    async with _timers(url):
        measured = await measure(url, serving.lane, CARRIED, Plan(bursts=BURSTS))
        if are_due:
            await _relaxed(url)
    return measured


async def _relaxed(url: str) -> None:
    """Wait until all tickets are relaxed, and print how long that took."""
    left = await _left(url)
    if not left:
        raise RuntimeError("all tickets were relaxed before the agents had finished")
    while await _left(url):
        await asyncio.sleep(LOOK_EVERY_S)
    [took] = await run(url, TOOK)
    print(f"{RELAXED:,} relaxed in {took['seconds']:.1f} s, the last {left:,} after the claims had ended")


async def _left(url: str) -> int:
    [left] = await run(url, LEFT)
    return int(left["tickets"])


@asynccontextmanager
async def _timers(url: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.timers", url, stdout=PIPE)
    assert process.stdout
    if not await process.stdout.readline():
        raise RuntimeError("the timers stopped: see their error above")
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
