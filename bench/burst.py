"""Bursts of claims: every agent takes as many tickets as one can hold; then all are freed, which is not measured."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import quantiles

from bench import floor
from router.domain.customer import AgentId
from router.flow.claims import Assignment

Claim = Callable[[AgentId], Awaitable[Assignment | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many bursts there are, how many tickets each agent takes in one, and the statement that frees them all."""

    bursts: int = 5
    tickets_at_once: int = 10
    free: str = floor.RESOLVE_ALL


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


async def measure(url: str, claim: Claim, plan: Plan) -> Run:
    """Run the bursts, after one that prepares the statements of every connection."""
    agents = await floor.agents(url)
    latencies: list[float] = []
    took = 0.0
    await _burst(url, agents, claim, plan, [])
    for _ in range(plan.bursts):
        took += await _burst(url, agents, claim, plan, latencies)
    return Run(len(latencies) / took, latencies)


async def _burst(url: str, agents: list[AgentId], claim: Claim, plan: Plan, latencies: list[float]) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(_work(agent, claim, plan.tickets_at_once, latencies) for agent in agents))
    took = time.perf_counter() - started
    await floor.run(url, plan.free)
    return took


async def _work(agent: AgentId, claim: Claim, tickets: int, latencies: list[float]) -> None:
    for _ in range(tickets):
        asked = time.perf_counter()
        if await claim(agent) is None:
            raise RuntimeError("an agent found nothing among so many")
        latencies.append(time.perf_counter() - asked)
