"""What runs beside a test, and ends with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

ENDS_WITHIN_S = 60


@asynccontextmanager
async def running(endless: Coroutine[Any, Any, Any]) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run this beside the block and cancel it at the end, up to which it must not have ended by itself."""
    task = asyncio.create_task(endless)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=ENDS_WITHIN_S)
        assert task.cancelled(), task
