"""What a file of the operator says now: it is read again when it changes, and a broken one changes nothing."""

import asyncio
from collections.abc import Callable
from typing import Generic, NoReturn, Protocol, TypeVar

import structlog
from prometheus_client import Gauge

from router.files.checked import FileError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0

S = TypeVar("S")
T = TypeVar("T", bound="Versioned")


class Versioned(Protocol):
    """What a file describes; `version` changes with it."""

    @property
    def version(self) -> str: ...


class LiveFile(Generic[S, T]):
    """Holds what the file said when it was last good, and what is wrong with it now."""

    def __init__(
        self, name: str, read: Callable[[], S], build: Callable[[S], T], *, reloaded: Gauge, looked: Gauge
    ) -> None:
        """`read` returns what `build` makes the content of; both raise `FileError`, and equal sources are built once.

        `reloaded` is 1 while the file is good, `looked` the time of the last look. Raises `FileError` if there is
        nothing good to start with.
        """
        self.name = name
        self._read = read
        self._build = build
        self._reloaded = reloaded
        self._looked = looked
        self._source = read()
        self._content = build(self._source)
        self._problem: str | None = None
        self._reloaded.set(1)

    def current(self) -> T:
        return self._content

    def problems(self) -> list[str]:
        if self._problem is None:
            return []
        return [f"{self.name}: the last good version {self._content.version} stays in use: {self._problem}"]

    async def run(self) -> NoReturn:
        """Look at the file every two seconds until cancelled."""
        while True:
            await self.look()
            self._looked.set_to_current_time()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Use the file as it is now."""
        await self.reload()

    async def reload(self) -> bool:
        """Use the file as it is now; return whether its content has changed."""
        try:
            source = await asyncio.to_thread(self._read)
            if source == self._source and self._problem is None:
                return False
            content = self._build(source)
        except FileError as exc:
            self._fail(str(exc))
            return False
        is_new = source != self._source
        self._source, self._content, self._problem = source, content, None
        self._reloaded.set(1)
        log.info("file in use", file=self.name, version=self._content.version)
        return is_new

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            log.error("file not reloaded", file=self.name, problem=problem, version_in_use=self._content.version)
        self._problem = problem
        self._reloaded.set(0)
