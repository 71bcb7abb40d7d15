"""The loops of a process end together; they go on after an outage, and at a hint."""

import ast
import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import StoreUnavailable
from router.flow.run import loops as flow
from router.flow.run.loops import every, looping
from router.metrics import Metrics

DEADLINE_S = 5
ROUTER = Path(flow.__file__).parents[2]
SUCCESS = "router_loop_last_success_timestamp_seconds"


class Stalled(Exception):
    """What a loop fails with."""


class Ended(list[str]):
    """What has ended, by name."""

    async def wait(self, name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.append(name)


async def run(beside: Coroutine[None, None, None], **named: Coroutine[None, None, None]) -> None:
    async with asyncio.timeout(DEADLINE_S), looping() as loops:
        for name, loop in named.items():
            loops.start(name, loop)
        await beside


async def fail() -> None:
    await asyncio.sleep(0)  # until all loops have begun
    raise Stalled


async def test_loops_end_with_what_they_run_beside():
    ended = Ended()
    await run(asyncio.sleep(0), gauges=ended.wait("gauges"), claims=ended.wait("claims"))
    assert ended == ["gauges", "claims"]


async def test_loops_end_where_what_they_run_beside_fails():
    ended = Ended()
    with pytest.raises(ExceptionGroup) as raised:
        await run(fail(), gauges=ended.wait("gauges"), claims=ended.wait("claims"))
    assert raised.group_contains(Stalled)
    assert ended == ["gauges", "claims"]


async def test_a_loop_that_fails_ends_the_others_and_what_they_run_beside():
    ended = Ended()
    with pytest.raises(ExceptionGroup) as raised:
        await run(ended.wait("beside"), claims=ended.wait("claims"), gauges=fail())
    assert raised.group_contains(Stalled)
    assert sorted(ended) == ["beside", "claims"]


async def test_a_loop_goes_on_after_an_outage_and_reports_its_success(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "OUTAGE_S", 0)
    registry, twice = CollectorRegistry(), asyncio.Event()
    turns = 0

    async def work() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            assert registry.get_sample_value(SUCCESS, {"loop": "test"}) is None
            raise StoreUnavailable
        if turns == 3:
            twice.set()

    running = asyncio.create_task(every(0, "test", work, Metrics(registry)))
    async with asyncio.timeout(DEADLINE_S):
        await twice.wait()
    running.cancel()
    await asyncio.wait([running])
    assert registry.get_sample_value(SUCCESS, {"loop": "test"}) > 0


async def test_a_hint_ends_the_pause():
    turns: list[int] = []
    hint, has_worked = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        turns.append(1)
        has_worked.set()

    running = asyncio.create_task(every(3600, "test", work, Metrics(CollectorRegistry()), hint=hint))
    async with asyncio.timeout(DEADLINE_S):
        await has_worked.wait()
        has_worked.clear()
        hint.set()
        await has_worked.wait()
    running.cancel()
    await asyncio.wait([running])
    assert len(turns) == 2


@pytest.mark.parametrize("steps", range(6))
async def test_a_loop_that_ends_while_a_hint_comes_does_end(steps: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "PAUSE_S", 0)
    hint, worked = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        worked.set()

    running = asyncio.create_task(every(3600, "test", work, Metrics(CollectorRegistry()), hint=hint))
    await worked.wait()
    for _ in range(5):  # until it waits for the hint
        await asyncio.sleep(0)
    hint.set()
    for _ in range(steps):  # of the event loop: the end may meet the hint anywhere on its way
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running], timeout=DEADLINE_S)
    assert running.cancelled()


async def test_a_loop_that_misses_its_end_is_ended_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "END_AGAIN_S", 0.05)
    ended = Ended()

    async def miss_one() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # as `asyncio.wait_for` may, up to Python 3.11, and libraries use it
            await ended.wait("missed")

    await run(asyncio.sleep(0), missing=miss_one())
    assert ended == ["missed"]


@pytest.mark.parametrize("module", sorted(ROUTER.rglob("*.py")), ids=lambda path: str(path.relative_to(ROUTER)))
def test_nothing_waits_in_a_way_that_may_miss_its_end(module: Path):
    calls = [node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
    assert "asyncio.wait_for" not in map(ast.unparse, calls), "use asyncio.timeout"
