"""Opens deliveries for intake, in this process or in another one beside it."""

import asyncio
from typing import Protocol

from router.flow.intake.opening import Opened, Opener
from router.flow.run.bus import Delivery


class Reader(Protocol):
    """Opens deliveries, here or elsewhere."""

    def open(self, delivery: Delivery) -> "asyncio.Future[Opened]":
        """Start to open one. The future must not fail, or the delivery would be lost."""


class ReaderHere:
    """Implements `Reader` in this process."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def open(self, delivery: Delivery) -> "asyncio.Future[Opened]":
        return done(self._opener.open(delivery))


def done(opened: Opened) -> "asyncio.Future[Opened]":
    """Return a future that already has this result."""
    future: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()
    future.set_result(opened)
    return future
