"""What goes wrong around agents who claim: clients that hang up, connections that break, leases that end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from router.domain.customer import AgentId
from router.domain.errors import StoreUnavailable
from router.flow.assign.claims import Assignment
from router.postgres.database import Database
from router.postgres.statements import load

Next = Callable[[AgentId], Awaitable[Assignment | None]]

UNHEARD_OF = """
    with locked as materialized (
      select agent_id from presence where agent_id = any ($1::bigint[]) order by agent_id for no key update
    )
    update presence set seen_at = now() - interval '1 hour' from locked where presence.agent_id = locked.agent_id"""
BREAK_ONE = """
    select pg_terminate_backend(pid)
    from pg_stat_activity
    where datname = current_database() and application_name = $1
    order by random()
    limit 1"""
GRACE = timedelta(minutes=1)
CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """How likely it is at each claim that its client hangs up, that a connection breaks, that agents are lost."""

    hangs_up: float
    breaks: float
    loses: float


class Storm:
    """Strikes at random, but from a seed; `victims` is the application name of the connections that may break."""

    def __init__(
        self, database: Database, agents: Sequence[AgentId], *, chances: Chances, victims: str, seed: int
    ) -> None:
        self._database = database
        self._agents = agents
        self._chances = chances
        self._victims = victims
        self._random = Random(seed)

    async def next(self, claim: Next, agent_id: AgentId) -> Assignment | None:
        """Ask as a client does in a storm: it may hang up and ask again, and asks again where the store is away."""
        while True:
            asking = asyncio.ensure_future(claim(agent_id))
            if self._random.random() < self._chances.hangs_up:
                await _hang_up(asking)
                continue
            try:
                return await asking
            except StoreUnavailable:
                continue

    async def strike(self) -> None:
        """Perhaps break a connection in the middle of what it does, or end the leases of some agents."""
        if self._random.random() < self._chances.breaks:
            await self._database.execute("storm", BREAK_ONE, self._victims)
        if self._random.random() < self._chances.loses:
            await self._lose(self._random.sample(self._agents, 3))

    async def _lose(self, agents: Sequence[AgentId]) -> None:
        """Let the timers find agents who were not heard of for an hour; the next request shows that they are there."""
        await self._database.execute("storm", load("assign/presence")["renew"], agents)
        await self._database.execute("storm", UNHEARD_OF, agents)
        await self._database.fetch("storm", load("assign/timers")["release_lost"], CHUNK, GRACE, "storm")
        await self._database.execute("storm", load("assign/presence")["renew"], agents)


async def _hang_up(asking: "asyncio.Future[Assignment | None]") -> None:
    await asyncio.sleep(0)  # the request is on its way
    asking.cancel()
    await asyncio.wait([asking])
