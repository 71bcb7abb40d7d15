"""What happens to tickets as time passes: offers, leases, reservations, wrap-ups and snoozes end, long waits relax.

Any number of processes may run these timers. `offers` and `claims` give out the tickets that wait again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, Protocol, TypeAlias

from router.decide.wait import relax, wake
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketNow, TicketState
from router.domain.wait import Wait
from router.flow.run.loops import every
from router.flow.run.transitions import Before, Transitions, Turned
from router.metrics import Metrics
from router.policy.model import Policy

EVERY_S = 1.0
CHUNK = 500
"""Tickets per transaction: locks last for milliseconds, however many tickets become due at once."""

REST = 3
"""After a whole chunk, a timer rests this many times as long as it took: it uses at most a quarter of a core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """Offers that nobody answered, and offers `withdrawn` from agents who were set away for that."""

    expired: Sequence[Turned]
    withdrawn: Sequence[Turned]


class WaitChunk(Protocol):
    """A chunk of locked tickets."""

    @property
    def tickets(self) -> Sequence[TicketNow]: ...

    async def record(self, waits: Sequence[Wait], policy_version: str) -> None:
        """Write each ticket's new wait, in the order of `tickets`, and its history."""


class TimerStore(Protocol):
    """Finds tickets whose time has come. Each call is one transaction on a chunk of at most `limit`.

    Skips tickets that somebody else is writing to. All raise `StoreUnavailable`.
    """

    async def expire_offers(self, limit: int, policy: Policy) -> Expired:
        """Queue expired offers; set agents away who have missed as many in a row as the policy says."""

    async def release_lost(self, limit: int, policy: Policy) -> Sequence[Turned]:
        """Queue the tickets of agents whose lease is over, and resolve those in wrap-up."""

    async def end_reservations(self, limit: int, policy: Policy) -> Sequence[Turned]:
        """End reservations whose time is over, or whose agent is not present."""

    async def end_wrap_ups(self, limit: int) -> Sequence[Turned]: ...

    def waking(self, limit: int) -> AbstractAsyncContextManager[WaitChunk]:
        """Lock tickets whose snooze is over; what is recorded is durable once the context ends."""

    def relaxing(self, limit: int) -> AbstractAsyncContextManager[WaitChunk]:
        """Lock waiting tickets whose next step is due; what is recorded is durable once the context ends."""


Chunk: TypeAlias = Callable[[], Awaitable[int]]


class TicketTimers:
    """The timers of one process. Each does one chunk after another until it finds less than a whole one."""

    def __init__(self, *, store: TimerStore, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._metrics = metrics
        self._transitions = Transitions(metrics)

    def loops(self) -> Mapping[str, Coroutine[None, None, NoReturn]]:
        """Return the loops by name; each reports its last success under that name."""
        return {
            name: every(EVERY_S, name, partial(_in_chunks, chunk), self._metrics)
            for name, chunk in self.chunks().items()
        }

    def chunks(self) -> Mapping[str, Chunk]:
        """Return the work of each loop: it does one chunk and returns how many tickets it turned."""
        return {
            "offer_expiry": self.expire_offers,
            "lost_agents": self.release_lost,
            "reservations": self.end_reservations,
            "wrap_ups": self.end_wrap_ups,
            "snoozes": self.wake,
            "relaxation": self.relax,
        }

    async def expire_offers(self) -> int:
        turned = await self._store.expire_offers(CHUNK, self._policy())
        self._report(HistoryKind.EXPIRE, turned.expired)
        self._report(HistoryKind.RELEASE, turned.withdrawn, HistoryReason.NOT_AVAILABLE)
        return len(turned.expired)

    async def release_lost(self) -> int:
        turned = await self._store.release_lost(CHUNK, self._policy())
        wrapping_up = [ticket for ticket in turned if ticket.state is TicketState.WRAP_UP]
        others = [ticket for ticket in turned if ticket.state is not TicketState.WRAP_UP]
        self._report(HistoryKind.RESOLVE, wrapping_up, HistoryReason.AGENT_LOST)
        self._report(HistoryKind.RELEASE, others, HistoryReason.AGENT_LOST)
        return len(turned)

    async def end_reservations(self) -> int:
        turned = await self._store.end_reservations(CHUNK, self._policy())
        return self._report(HistoryKind.RELAX, turned, HistoryReason.RESERVATION_OVER)

    async def end_wrap_ups(self) -> int:
        turned = await self._store.end_wrap_ups(CHUNK)
        return self._report(HistoryKind.RESOLVE, turned, HistoryReason.WRAP_UP_OVER)

    async def wake(self) -> int:
        policy = self._policy()
        async with self._store.waking(CHUNK) as chunk:
            await chunk.record(
                [wake(ticket, policy=policy, now=ticket.now) for ticket in chunk.tickets], policy.version
            )
        return self._report(HistoryKind.QUEUE, chunk.tickets, HistoryReason.WOKEN)

    async def relax(self) -> int:
        policy = self._policy()
        async with self._store.relaxing(CHUNK) as chunk:
            waits = [relax(ticket.wait, route=ticket.route, policy=policy, now=ticket.now) for ticket in chunk.tickets]
            await chunk.record(waits, policy.version)
        for ticket, wait in zip(chunk.tickets, waits, strict=True):
            if wait.has_stepped_since(ticket.wait):
                self._report(HistoryKind.RELAX, [ticket], HistoryReason.STEP, to=wait.requirement.queue)
        return len(chunk.tickets)

    def _report(
        self, kind: HistoryKind, turned: Sequence[Before], reason: HistoryReason | None = None, *, to: str | None = None
    ) -> int:
        self._transitions.report(kind, *turned, by="timers", reason=reason, to=to)
        return len(turned)


async def _in_chunks(chunk: Chunk) -> None:
    """Rest after each whole chunk: what became due at once leaves others their share."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while turned := await chunk():
        if turned < CHUNK:
            return
        await asyncio.sleep(REST * (clock() - began))
        began = clock()
