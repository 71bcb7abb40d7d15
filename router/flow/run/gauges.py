"""The gauges of the whole deployment, exported by one process. A store measures them."""

import asyncio
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import NoReturn, Protocol

from router.flow.run.duty import Duty
from router.flow.run.loops import every
from router.metrics import Metrics
from router.policy.model import Policy

GAUGES_EVERY_S = 2.0
GAUGES_HELD_S = 15.0


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
    """Measures the whole deployment, for the one process that has the duty to export it."""

    async def queues(self) -> Mapping[str, QueueState]: ...

    async def outbox(self) -> OutboxState: ...


class QueueGauges:
    """Exports the state of every queue of the policy from exactly one process."""

    def __init__(self, *, gauges: Gauges, duty: Duty, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._gauges = gauges
        self._duty = duty
        self._policy = policy
        self._metrics = metrics
        self._exported: set[str] = set()
        self._duty_ends: asyncio.TimerHandle | None = None

    async def run(self) -> NoReturn:
        """Measure every two seconds until cancelled."""
        try:
            await every(GAUGES_EVERY_S, "gauges", self.measure, self._metrics)
        finally:
            await self.close()

    async def measure(self) -> None:
        """Export the gauges if the duty is ours, else none: no two processes may export the same gauge."""
        asked_at = asyncio.get_running_loop().time()
        if not await self._duty.take():
            self._clear()
            return
        states = await self._gauges.queues()
        self._export({queue: QueueState() for queue in self._policy().queues} | dict(states))
        outbox = await self._gauges.outbox()
        self._metrics.outbox_pending.set(outbox.pending)
        self._metrics.outbox_age.set(outbox.oldest_s)
        self._clear_at(asked_at + self._duty.held_s)

    async def close(self) -> None:
        """Stop exporting and lay down the duty."""
        self._clear()
        await self._duty.lay_down()

    def _export(self, states: Mapping[str, QueueState]) -> None:
        self._forget(self._exported - states.keys())
        self._exported = set(states)
        for queue, state in states.items():
            self._metrics.waiting.labels(queue).set(state.waiting)
            self._metrics.longest_wait.labels(queue).set(state.longest_wait_s)
            self._metrics.overdue.labels(queue).set(state.overdue)

    def _forget(self, queues: Set[str]) -> None:
        for queue in queues:
            for gauge in (self._metrics.waiting, self._metrics.longest_wait, self._metrics.overdue):
                gauge.remove(queue)

    def _clear_at(self, when: float) -> None:
        """Clear the gauges when the duty ends: a process that cannot renew it does not know who exports them next."""
        if self._duty_ends:
            self._duty_ends.cancel()
        self._duty_ends = asyncio.get_running_loop().call_at(when, self._clear)

    def _clear(self) -> None:
        if self._duty_ends:
            self._duty_ends.cancel()
        self._forget(self._exported)
        self._exported = set()
        self._metrics.outbox_pending.set(0)
        self._metrics.outbox_age.set(0)
