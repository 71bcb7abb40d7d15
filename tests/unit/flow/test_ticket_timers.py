"""The timers of tickets: each goes on until a chunk is not whole, and says when it last worked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from router.domain.customer import AgentId
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.wait import Wait
from router.flow.assign import timers as flow
from router.flow.assign.timers import CHUNK, Expired, TicketTimers
from router.flow.run.transitions import Turned
from router.metrics import Metrics
from router.policy.model import Policy
from tests.making.intake import POLICY
from tests.making.waits import a_ticket_now

DEADLINE_S = 5
TURNED = Turned(TicketId(1), TicketState.OFFERED, AgentId(1), "general", "chat")
SUCCESS = "router_loop_last_success_timestamp_seconds"


class Tickets:
    """A store in which so many tickets become due at once for every timer; `worked` once all have looked again."""

    def __init__(self, due: int) -> None:
        self.due = Counter(dict.fromkeys(NAMES, due))
        self.calls: Counter[str] = Counter()
        self.worked = asyncio.Event()

    def turn(self, name: str, limit: int) -> list[Turned]:
        self.calls[name] += 1
        if all(self.calls[name] > 1 + 2 for name in NAMES):
            self.worked.set()
        turned = min(limit, self.due[name])
        self.due[name] -= turned
        return [TURNED] * turned

    async def expire_offers(self, limit: int, policy: Policy) -> Expired:
        return Expired(expired=self.turn("offer_expiry", limit), withdrawn=())

    async def release_lost(self, limit: int, policy: Policy) -> Sequence[Turned]:
        return self.turn("lost_agents", limit)

    async def end_reservations(self, limit: int, policy: Policy) -> Sequence[Turned]:
        return self.turn("reservations", limit)

    async def end_wrap_ups(self, limit: int) -> Sequence[Turned]:
        return self.turn("wrap_ups", limit)

    @asynccontextmanager
    async def waking(self, limit: int) -> AsyncIterator["Chunk"]:
        yield Chunk(tickets=[a_ticket_now()] * len(self.turn("snoozes", limit)))

    @asynccontextmanager
    async def relaxing(self, limit: int) -> AsyncIterator["Chunk"]:
        yield Chunk(tickets=[a_ticket_now()] * len(self.turn("relaxation", limit)))


@dataclass
class Chunk:
    tickets: Sequence[TicketNow]

    async def record(self, waits: Sequence[Wait], policy_version: str) -> None:
        assert len(waits) == len(self.tickets)


NAMES = ("offer_expiry", "lost_agents", "reservations", "wrap_ups", "snoozes", "relaxation")


async def test_every_timer_goes_on_until_nothing_is_due_and_says_when_it_last_worked(monkeypatch):
    monkeypatch.setattr(flow, "EVERY_S", 0)
    tickets, registry = Tickets(due=CHUNK + 1), CollectorRegistry()
    timers = TicketTimers(store=tickets, policy=lambda: POLICY, metrics=Metrics(registry))
    loops = timers.loops()
    assert sorted(loops) == sorted(NAMES)
    running = [asyncio.create_task(loop) for loop in loops.values()]
    async with asyncio.timeout(DEADLINE_S):
        await tickets.worked.wait()
    for loop in running:
        loop.cancel()
    await asyncio.wait(running)
    assert set(tickets.due.values()) == {0}
    assert all(registry.get_sample_value(SUCCESS, {"loop": name}) for name in NAMES)


@pytest.mark.parametrize(("outcome", "chunk"), [("expired", "offer_expiry"), ("withdrawn", "lost_agents")])
async def test_offers_that_time_ends_are_counted_by_queue(outcome: str, chunk: str):
    registry = CollectorRegistry()
    timers = TicketTimers(store=Tickets(due=3), policy=lambda: POLICY, metrics=Metrics(registry))
    assert await timers.chunks()[chunk]() == 3
    assert registry.get_sample_value("router_offers_total", {"queue": "general", "outcome": outcome}) == 3
