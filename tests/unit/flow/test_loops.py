"""The loops of a process end together."""

import asyncio
from collections.abc import Coroutine

import pytest

from router.flow.loops import looping

DEADLINE_S = 5


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
