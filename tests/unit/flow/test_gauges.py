"""Gauges are exported by one process at a time."""

import asyncio
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import StoreUnavailable
from router.flow.run.duty import Duty
from router.flow.run.gauges import GAUGES_HELD_S, OutboxState, QueueGauges, QueueState
from router.metrics import Metrics
from tests.making.intake import POLICY

DEADLINE_S = 5


class Deployment:
    """What all processes share: who holds the duty, and what there is to measure."""

    def __init__(self) -> None:
        self.holder: str | None = None
        self.is_up = True
        self.left = {"general": QueueState(waiting=3, longest_wait_s=7.5, overdue=1), "removed": QueueState(waiting=1)}

    async def take_duty(self, _name: str, holder: str, *, seconds: float) -> bool:
        self._answer()
        self.holder = self.holder or holder
        return self.holder == holder

    async def lay_down_duty(self, _name: str, holder: str) -> None:
        self._answer()
        if self.holder == holder:
            self.holder = None

    async def queues(self) -> Mapping[str, QueueState]:
        return self.left

    async def outbox(self) -> OutboxState:
        return OutboxState(pending=2, oldest_s=1.5)

    def _answer(self) -> None:
        if not self.is_up:
            raise StoreUnavailable


class Exporter:
    """One `timers` process and what it exports."""

    def __init__(self, deployment: Deployment, holder: str, *, held_s: float = GAUGES_HELD_S) -> None:
        self.registry = CollectorRegistry()
        duty = Duty(deployment, name="gauges", holder=holder, held_s=held_s)
        self.gauges = QueueGauges(gauges=deployment, duty=duty, policy=lambda: POLICY, metrics=Metrics(self.registry))

    def waiting(self, queue: str) -> float | None:
        return self.registry.get_sample_value("router_queue_waiting_tickets", {"queue": queue})


async def test_every_queue_of_the_policy_is_exported_and_every_other_where_tickets_wait():
    process = Exporter(Deployment(), "one")
    await process.gauges.measure()
    assert {queue: process.waiting(queue) for queue in ("general", "expert", "removed")} == {
        "general": 3,
        "expert": 0,
        "removed": 1,
    }
    assert process.registry.get_sample_value("router_queue_longest_wait_seconds", {"queue": "general"}) == 7.5
    assert process.registry.get_sample_value("router_queue_overdue_tickets", {"queue": "general"}) == 1
    assert process.registry.get_sample_value("router_outbox_pending_messages") == 2
    assert process.registry.get_sample_value("router_outbox_oldest_seconds") == 1.5


async def test_only_the_holder_of_the_duty_exports_and_the_next_one_takes_over():
    deployment = Deployment()
    one, two = Exporter(deployment, "one"), Exporter(deployment, "two")
    await one.gauges.measure()
    await two.gauges.measure()
    assert (one.waiting("general"), two.waiting("general")) == (3, None)
    await one.gauges.close()
    await two.gauges.measure()
    await one.gauges.measure()
    assert (one.waiting("general"), two.waiting("general")) == (None, 3)


async def test_a_queue_that_the_policy_dropped_is_exported_until_it_is_empty():
    deployment = Deployment()
    process = Exporter(deployment, "one")
    await process.gauges.measure()
    del deployment.left["removed"]
    await process.gauges.measure()
    assert (process.waiting("general"), process.waiting("removed")) == (3, None)


async def test_who_cannot_renew_the_duty_exports_nothing_once_it_has_run_out():
    deployment = Deployment()
    process = Exporter(deployment, "one", held_s=0.05)
    await process.gauges.measure()
    deployment.is_up = False
    with pytest.raises(StoreUnavailable):
        await process.gauges.measure()
    assert process.waiting("general") == 3
    async with asyncio.timeout(DEADLINE_S):
        while process.waiting("general") is not None:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_up", [True, False])
async def test_gauges_end_quietly_with_their_process_and_leave_the_duty_to_others(*, is_up: bool):
    deployment = Deployment()
    process = Exporter(deployment, "one")
    running = asyncio.create_task(process.gauges.run())
    async with asyncio.timeout(DEADLINE_S):
        while process.waiting("general") is None:
            await asyncio.sleep(0)
    deployment.is_up = is_up
    running.cancel()
    await asyncio.wait([running], timeout=DEADLINE_S)
    assert running.cancelled()
    assert (process.waiting("general"), deployment.holder) == (None, None if is_up else "one")
