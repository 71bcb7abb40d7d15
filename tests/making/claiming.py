"""The lane on a store in memory, and waiting for what it does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from prometheus_client import CollectorRegistry

from router.domain.agent import TokenId
from router.flow.assign.claims import Claims
from router.metrics import Metrics
from router.policy.model import Policy
from tests.fakes.claims import FakeClaims
from tests.making.assignment import UNLIMITED
from tests.making.running import running

NO_WAIT = timedelta(0)
LONG = timedelta(minutes=1)
NEVER_S = 3600.0
DEADLINE_S = 5


@asynccontextmanager
async def serving(
    store: FakeClaims,
    *,
    poll_s: float = NEVER_S,
    registry: CollectorRegistry | None = None,
    policy: Callable[[], Policy] = UNLIMITED,
) -> AsyncIterator[Claims]:
    claims = Claims(store, Metrics(registry or CollectorRegistry()), policy=policy, poll_s=poll_s)
    async with asyncio.timeout(DEADLINE_S), running(claims.run()):
        yield claims


async def until_rounds(store: FakeClaims, count: int) -> None:
    """Return once that many rounds have begun."""
    async with asyncio.timeout(DEADLINE_S):
        while len(store.rounds) < count:
            await asyncio.sleep(0)


async def parked(claims: Claims, store: FakeClaims, agent_id: int, token_id: TokenId | None = None) -> asyncio.Task:
    """Ask, and return once a round has found nothing."""
    rounds = len(store.rounds)
    asking = asyncio.create_task(claims.next(agent_id, LONG, token_id))
    await until_rounds(store, rounds + 1)
    await until_idle()
    assert not asking.done()
    return asking


async def until_idle() -> None:
    """Let everything run that waits for nothing outside: the store in memory needs a few turns of the loop."""
    for _ in range(50):
        await asyncio.sleep(0)
