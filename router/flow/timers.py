"""What happens because time passes: gauges of the queues, partitions, retention. Any number of processes may run it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog

from router.domain.errors import Unavailable
from router.metrics import Metrics
from router.policy.model import Policy

log = structlog.get_logger(__name__)

GAUGES_EVERY_S = 2.0
GAUGES_HELD_S = 15.0
MAINTAIN_EVERY_S = 3600.0
OUTAGE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """One queue now: tickets waiting, age of the oldest wait in seconds, tickets past their target."""

    waiting: int = 0
    longest_wait_s: float = 0.0
    overdue: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """Replies not yet handed to the bus, and the age of the oldest in seconds."""

    pending: int
    oldest_s: float


class Gauges(Protocol):
    """Measures the whole deployment, for the one process that holds the duty to export it."""

    async def take_duty(self, name: str, holder: str, *, seconds: float) -> bool: ...

    async def lay_down_duty(self, name: str, holder: str) -> None: ...

    async def queues(self) -> Mapping[str, QueueState]: ...

    async def outbox(self) -> OutboxState: ...


class QueueGauges:
    """Exports the state of every queue of the policy from exactly one process."""

    def __init__(self, *, gauges: Gauges, policy: Callable[[], Policy], holder: str, metrics: Metrics) -> None:
        self._gauges = gauges
        self._policy = policy
        self._holder = holder
        self._metrics = metrics

    async def measure(self) -> None:
        """Export the gauges if the duty is ours, else none: what another process exports must not stand twice."""
        if not await self._gauges.take_duty("gauges", self._holder, seconds=GAUGES_HELD_S):
            self._clear()
            return
        states = await self._gauges.queues()
        for queue in {*self._policy().queues, *states}:
            self._export(queue, states.get(queue, QueueState()))
        outbox = await self._gauges.outbox()
        self._metrics.outbox_pending.set(outbox.pending)
        self._metrics.outbox_age.set(outbox.oldest_s)

    async def close(self) -> None:
        await self._gauges.lay_down_duty("gauges", self._holder)

    def _export(self, queue: str, state: QueueState) -> None:
        self._metrics.waiting.labels(queue).set(state.waiting)
        self._metrics.longest_wait.labels(queue).set(state.longest_wait_s)
        self._metrics.overdue.labels(queue).set(state.overdue)

    def _clear(self) -> None:
        for gauge in (self._metrics.waiting, self._metrics.longest_wait, self._metrics.overdue):
            gauge.clear()
        self._metrics.outbox_pending.set(0)
        self._metrics.outbox_age.set(0)


async def every(seconds: float, name: str, work: Callable[[], Awaitable[object]], metrics: Metrics) -> NoReturn:
    """Do the work now and then every so often, until cancelled; an outage only delays it."""
    while True:
        try:
            await work()
        except Unavailable as exc:
            log.warning("timer waits", timer=name, reason=str(exc))
            await asyncio.sleep(OUTAGE_S)
            continue
        metrics.loop_success.labels(name).set_to_current_time()
        await asyncio.sleep(seconds)
