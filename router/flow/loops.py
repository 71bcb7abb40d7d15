"""The background loops of a process, which end together. Leaves what each of them does to its own module."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class Loops:
    """The background loops of a process, each with a name."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self.started: list[asyncio.Task[None]] = []

    def start(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        self.started.append(self._tasks.create_task(loop, name=name))


@asynccontextmanager
async def looping() -> AsyncIterator[Loops]:
    """Run the loops started within until the context ends; one that fails ends the others, and the context."""
    async with asyncio.TaskGroup() as tasks:
        loops = Loops(tasks)
        try:
            yield loops
        finally:
            for loop in loops.started:
                loop.cancel()
