"""Bursts of claims: every agent takes tickets until full. Then all are freed; that is not measured."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles

from bench import floor
from bench.row import Row, faster
from router.domain.customer import AgentId
from router.flow.assign.claims import Assignment

Claim = Callable[[AgentId], Awaitable[Assignment | None]]
AfterClaim = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The number of bursts, the most tickets that an agent takes in one, and the statement that frees all."""

    bursts: int = 5
    tickets_at_once: int = 10
    free: str = floor.RESOLVE_ALL


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: claims per second, and how long each claim took in seconds."""

    rate: float
    latencies: list[float]

    @property
    def percentiles_ms(self) -> tuple[float, float]:
        """Return the median and the 99th percentile."""
        cuts = quantiles(self.latencies, n=100)
        return cuts[49] * 1000, cuts[98] * 1000


async def bursts(url: str, claim: Claim, plan: Plan, *, after_each: AfterClaim | None = None) -> Run:
    """Run the bursts, after a first one that prepares the statements of every connection.

    `after_each` counts towards the burst's time, but not towards a claim's. Raises what `run_of` raises.
    """
    agents = await floor.agents(url)
    work = partial(_work, claim, plan.tickets_at_once, after_each)
    latencies: list[float] = []
    took = 0.0
    for number in range(plan.bursts + 1):
        measured: list[float] = []
        started = time.perf_counter()
        await asyncio.gather(*(work(measured, agent) for agent in agents))
        if number:
            took += time.perf_counter() - started
            latencies += measured
        await floor.run(url, plan.free)
    return run_of(latencies, took, plan)


def run_of(latencies: list[float], took: float, plan: Plan) -> Run:
    """Sum up the bursts; raise `RuntimeError` if agents found nothing although tickets wait and there is room."""
    if len(latencies) < 0.9 * floor.AGENTS * plan.tickets_at_once * plan.bursts:
        raise RuntimeError("agents found no tickets although enough are waiting")
    return Run(len(latencies) / took, latencies)


async def _work(
    claim: Claim, tickets: int, after_each: AfterClaim | None, latencies: list[float], agent: AgentId
) -> None:
    for _ in range(tickets):
        asked = time.perf_counter()
        if await claim(agent) is None:
            return
        latencies.append(time.perf_counter() - asked)
        if after_each:
            await after_each()


def compared(name: str, ours: list[Run], reference: list[Run]) -> Row:
    """Compare by the medians of the rates, and add how long our claims took."""
    p99_ms = percentiles_ms(ours)[1]
    return faster(name, [run.rate for run in ours], [run.rate for run in reference], "claims/s", p99_ms=p99_ms)


def percentiles_ms(runs: list[Run]) -> tuple[float, float]:
    """Return the median and the 99th percentile, each as the median over the runs."""
    p50s, p99s = zip(*(run.percentiles_ms for run in runs), strict=True)
    return median(p50s), median(p99s)


def show(name: str, runs: list[Run]) -> None:
    p50, p99 = percentiles_ms(runs)
    print(f"{name}: {median(run.rate for run in runs):,.0f} claims/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
