"""Lets two batches overlap: the next one locks and reads while the last one is written. They keep their order.

A batch may lock once the batch before has its locks, so the earlier batch gets what both need first. It may write once
the batch before has written. A batch that stumbles has lost its locks; the next batch then starts over, after it.
"""

import asyncio
from typing import Self

from router.domain.errors import Unavailable


class Overtaken(Exception):
    """The batch before has lost its locks: what this one has read may be older than what that one will write."""


class ComesAgain(Unavailable):
    """The batch before stays with the bus, and so does everything after it."""


class Turns:
    """The turns of one process, in order."""

    def __init__(self) -> None:
        self._last: Turn | None = None

    def next(self) -> "Turn":
        """Return the turn after the last one. One that is over holds up nobody: if it failed, its batch comes again."""
        self._last = Turn(None if self._last is None or self._last.is_over else self._last)
        return self._last


class Turn:
    """One batch's place in the order. Its holder must `end` it, or `fail` it if the batch is to come again.

    The holder tells `has_locked` to let the next turn lock what is left.
    """

    def __init__(self, before: Self | None) -> None:
        self._before = before
        self.has_locked = _Answer()
        self.has_written = _Answer()
        self.has_ended = _Answer()

    @property
    def is_over(self) -> bool:
        return self.has_ended.is_told

    async def may_lock(self) -> None:
        """Wait until the turn before has its locks; raises `Overtaken` if it stumbled first."""
        if self._before and not await self._before.has_locked.known():
            raise Overtaken

    async def may_write(self) -> None:
        """Wait until the turn before has written; raises `Overtaken` if it stumbled."""
        if self._before and not await self._before.has_written.known():
            raise Overtaken

    async def begin_anew(self) -> None:
        """Say that all locks are lost, and wait until the turn before ends; raises `ComesAgain` if it failed.

        From then on this turn overlaps with no other.
        """
        self.has_locked.tell(False)
        self.has_written.tell(False)
        if self._before and not await self._before.has_ended.known():
            raise ComesAgain
        self._before = None

    def end(self) -> None:
        """Say that everything in this turn is settled."""
        self._tell_all(True)

    def fail(self) -> None:
        """Say that this batch comes again, and so does everything after it."""
        self._tell_all(False)

    def _tell_all(self, answer: bool) -> None:
        self._before = None
        for each in (self.has_locked, self.has_written, self.has_ended):
            each.tell(answer)


class _Answer:
    """True or False: told once, and anybody may ask for it."""

    def __init__(self) -> None:
        self._future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def tell(self, answer: bool) -> None:
        if not self._future.done():
            self._future.set_result(answer)

    @property
    def is_told(self) -> bool:
        return self._future.done()

    async def known(self) -> bool:
        return await asyncio.shield(self._future)
