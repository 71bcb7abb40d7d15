"""What happens to tickets as time passes: offers, leases, reservations, wrap-ups and snoozes end, long waits relax.

Any number of processes may run these timers. Leaves offering what then waits to `offers`, giving it out to `claims`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, Protocol, TypeAlias

import structlog

from router.decide.wait import relax, wake
from router.domain.ticket import TicketNow, TicketState
from router.domain.wait import Wait
from router.flow.run.loops import every
from router.metrics import Metrics
from router.policy.model import Policy

log = structlog.get_logger(__name__)

EVERY_S = 1.0
CHUNK = 500
"""Tickets per transaction: locks last for milliseconds, however many tickets become due at once."""

REST = 3
"""After a whole chunk, a timer rests this many times as long as it took: it uses at most a quarter of a core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A ticket whose time had come: where it waits or waited, and its state before."""

    queue: str
    channel: str
    was: TicketState


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

    def loops(self) -> Mapping[str, Coroutine[None, None, NoReturn]]:
        """Return the loops by name; each reports its last success under that name."""
        return {
            name: every(EVERY_S, name, partial(_in_chunks, name, chunk), self._metrics)
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
        self._count_offers(turned.expired, "expired")
        self._count_offers(turned.withdrawn, "withdrawn")
        return len(turned.expired)

    async def release_lost(self) -> int:
        turned = await self._store.release_lost(CHUNK, self._policy())
        self._count_offers([ticket for ticket in turned if ticket.was is TicketState.OFFERED], "withdrawn")
        return len(turned)

    async def end_reservations(self) -> int:
        return len(await self._store.end_reservations(CHUNK, self._policy()))

    async def end_wrap_ups(self) -> int:
        return len(await self._store.end_wrap_ups(CHUNK))

    async def wake(self) -> int:
        policy = self._policy()
        async with self._store.waking(CHUNK) as chunk:
            await chunk.record([wake(ticket, policy) for ticket in chunk.tickets], policy.version)
        for (queue, channel), count in Counter((ticket.queue, ticket.channel) for ticket in chunk.tickets).items():
            self._metrics.queued.labels(queue, channel, "woken").inc(count)
        return len(chunk.tickets)

    async def relax(self) -> int:
        policy = self._policy()
        async with self._store.relaxing(CHUNK) as chunk:
            waits = [relax(ticket.wait, route=ticket.route, policy=policy, now=ticket.now) for ticket in chunk.tickets]
            await chunk.record(waits, policy.version)
        return len(chunk.tickets)

    def _count_offers(self, turned: Sequence[Turned], outcome: str) -> None:
        for queue, count in Counter(ticket.queue for ticket in turned).items():
            self._metrics.offers.labels(queue, outcome).inc(count)


async def _in_chunks(name: str, chunk: Chunk) -> None:
    """Rest after each whole chunk: what became due at once leaves others their share."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while turned := await chunk():
        log.info("timer turned tickets", timer=name, tickets=turned)
        if turned < CHUNK:
            return
        await asyncio.sleep(REST * (clock() - began))
        began = clock()
