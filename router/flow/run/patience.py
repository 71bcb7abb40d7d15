"""Waits for servers at the start: what is not there yet may be starting too."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from router.domain.errors import Unavailable

log = structlog.get_logger(__name__)

PAUSE_S = 2.0
SAY_EVERY_S = 10.0

T = TypeVar("T")


async def patiently(start: Callable[[], Awaitable[T]]) -> T:
    """Return what `start` returns; while it raises `Unavailable`, say so now and then, and try again."""
    clock = asyncio.get_running_loop().time
    begun, said = clock(), -SAY_EVERY_S
    while True:
        try:
            return await start()
        except (Unavailable, ExceptionGroup) as exc:
            reason = _outage(exc)
            if reason is None:
                raise
        if clock() - said >= SAY_EVERY_S:
            said = clock()
            log.warning("start waits", reason=str(reason), waited_s=round(said - begun), then=f"again in {PAUSE_S:g} s")
        await asyncio.sleep(PAUSE_S)


def _outage(exc: Unavailable | ExceptionGroup[Exception]) -> Exception | None:
    """The outage behind the error, if there is nothing else behind it."""
    if isinstance(exc, Unavailable):
        return exc
    outages, others = exc.split(Unavailable)
    return _first(outages) if outages is not None and others is None else None


def _first(exc: Exception) -> Exception:
    return _first(exc.exceptions[0]) if isinstance(exc, ExceptionGroup) else exc
