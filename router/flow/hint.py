"""Waiting for a hint that there is something to do, which may get lost. Leaves giving hints to the adapters."""

import asyncio
from contextlib import suppress

PAUSE_S = 0.1
"""Hints in a row cost one look in so long."""


async def hinted(hint: asyncio.Event, *, within_s: float) -> None:
    """Return at the hint, and without any after so long."""
    pause = min(within_s, PAUSE_S)
    await asyncio.sleep(pause)
    with suppress(TimeoutError):
        await asyncio.wait_for(hint.wait(), within_s - pause)
