"""The switch that stops intake: while it is off, messages stay in the broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeAlias

import structlog

from router.domain.errors import StoreUnavailable

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0

Job: TypeAlias = Callable[[], Awaitable[None]]


class Switch:
    """Runs one job while the switch is on, another while it is off. In an outage it stays as last seen.

    At the start it counts as on.
    """

    def __init__(self, is_on: Callable[[], Awaitable[bool]]) -> None:
        self._ask = is_on
        self._is_on = True

    @property
    def is_on(self) -> bool:
        """As last seen."""
        return self._is_on

    async def run(self, job: Job, otherwise: Job) -> NoReturn:
        """Keep `job` running while the switch is on, and `otherwise` while it is off."""
        while True:
            await self._while(True, job)
            log.info("intake switched off")
            await self._while(False, otherwise)
            log.info("intake switched on")

    async def _while(self, is_on: bool, job: Job) -> None:
        if await self._look() is not is_on:
            return
        running = asyncio.ensure_future(job())
        turned = asyncio.ensure_future(self._until(not is_on))
        try:
            await asyncio.wait({running, turned}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
        finally:
            await _end(running, turned)

    async def _until(self, wanted: bool) -> None:
        while await self._look() is not wanted:  # noqa: ASYNC110 - the switch is in the database, so it must be polled
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> bool:
        try:
            self._is_on = await self._ask()
        except StoreUnavailable as exc:
            log.warning("switch not read", reason=str(exc))
        return self._is_on


async def _end(*tasks: "asyncio.Future[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
