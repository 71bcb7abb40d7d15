"""Bounds how many requests publish at once: more are refused, not queued."""

from collections.abc import Iterator
from contextlib import contextmanager

from router.api.errors import TRY_AGAIN, Problem


class Room:
    """Room for `size` requests that publish at once."""

    def __init__(self, size: int) -> None:
        self._left = size

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take one place while the block runs; 429 if there is none."""
        if self._left == 0:
            raise Problem(
                429, "Too many requests", "Too many messages are being published: try again.", headers=TRY_AGAIN
            )
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
