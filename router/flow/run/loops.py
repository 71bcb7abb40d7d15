"""The background loops of a process. They end together, go on after an outage, and look again at a hint or without one.

Each loop's work has a module of its own. The adapters give the hints.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, NoReturn

import structlog

from router.domain.errors import Unavailable
from router.metrics import Metrics

log = structlog.get_logger(__name__)

OUTAGE_S = 5.0
PAUSE_S = 0.1
"""The shortest time between two looks, however many hints come."""
END_AGAIN_S = 0.2
"""When to cancel a loop again that goes on. Libraries wait with `asyncio.wait_for`, which may drop a cancellation that
comes together with what it waits for (CPython 86296, up to Python 3.11)."""


class Loops:
    """The background loops of a process, each with a name."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self.started: list[asyncio.Task[None]] = []

    def start(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        self.started.append(self._tasks.create_task(loop, name=name))


@asynccontextmanager
async def looping() -> AsyncIterator[Loops]:
    """Run the loops that are started inside until the context ends. One that fails ends the others and the context."""
    async with asyncio.TaskGroup() as tasks:
        loops = Loops(tasks)
        try:
            yield loops
        finally:
            await _end(loops.started)


async def _end(loops: Collection[asyncio.Task[None]]) -> None:
    while going := [loop for loop in loops if not loop.done()]:
        for loop in going:
            loop.cancel()
        await asyncio.wait(going, timeout=END_AGAIN_S)


async def every(
    seconds: float,
    name: str,
    work: Callable[[], Awaitable[object]],
    metrics: Metrics,
    *,
    hint: asyncio.Event | None = None,
) -> NoReturn:
    """Do the work now, then every `seconds` and at each hint, until cancelled. An outage only delays it."""
    hint = hint or asyncio.Event()
    while True:
        hint.clear()
        try:
            await work()
        except Unavailable as exc:
            log.warning("loop waits", loop=name, reason=str(exc))
            await asyncio.sleep(OUTAGE_S)
            continue
        metrics.loop_success.labels(name).set_to_current_time()
        await hinted(hint, within_s=seconds)


async def hinted(hint: asyncio.Event, *, within_s: float) -> None:
    """Return at the hint, or after `within_s` without one, because a hint may get lost."""
    pause = min(within_s, PAUSE_S)
    await asyncio.sleep(pause)
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s - pause):
            await hint.wait()
