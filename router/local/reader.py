"""Opens deliveries in a process of its own: one that hangs, floods memory or kills its parser harms nothing else.

Besides, opening and deciding then use a core each. `local.opener` is what runs in that process.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, TypeAlias

import structlog

from router.flow.intake.opening import Languages, Opened, unreadable
from router.flow.run.bus import Delivery
from router.local.opener import Contents
from router.local.pipes import ChildLost, Piped

log = structlog.get_logger(__name__)

COMMAND = (sys.executable, "-m", "router.local.opener")
DEADLINE_S = 20.0
STARTS_WITHIN_S = 60.0
BEAT_EVERY_S = 1.0
STARTS = 3
"""How often `start` tries: what ends processes on this machine may hit the first one by chance."""
PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

# Most to open at once: enough to keep busy until the parent has time again, without a long wait for the last one.
_TOGETHER = 100
_BYTES_TOGETHER = 1024**2
# whatever kills processes on this machine may hit an innocent payload once by chance
_TRIES_ALONE = 2

_Opening: TypeAlias = tuple[Delivery, "asyncio.Future[Opened]"]


class ReaderProcess:
    """Implements `router.flow.intake.reader.Reader`; `run` keeps the process up.

    It opens together what arrived while the process was busy. If that ends the process or misses the deadline, it opens
    each delivery alone; one that does so twice is unreadable. A process that ends while nothing is opened, or cannot be
    started, is replaced, and no delivery is to blame.
    """

    def __init__(
        self,
        secret: bytes,
        languages: Languages,
        *,
        command: Sequence[str] = COMMAND,
        deadline_s: float = DEADLINE_S,
        on_success: Callable[[], None] = lambda: None,
    ) -> None:
        """`secret` signs our mail tokens; `languages` are those that the policy distinguishes.

        `run` calls `on_success` whenever it has opened something, and once a second while nothing waits.
        """
        self._secret = secret
        self._languages = languages
        self._command = command
        self._deadline_s = deadline_s
        self._on_success = on_success
        self._waiting: list[_Opening] = []
        self._comes = asyncio.Event()
        self._process: Piped | None = None
        self._failures = 0
        self._problem: str | None = None

    def open(self, delivery: Delivery) -> "asyncio.Future[Opened]":
        """See `Reader.open`."""
        answer: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, answer))
        self._comes.set()
        return answer

    async def start(self) -> None:
        """Return once the process is ready; raises `ChildLost` if it cannot be started."""
        try:
            while not await self._has_started() and self._failures < STARTS:  # noqa: ASYNC110 - no event tells when
                await asyncio.sleep(self._pause())
        except BaseException:
            await self._end()
            raise
        if self._problem is not None:
            raise ChildLost(self._problem)

    def problems(self) -> Sequence[str]:
        """Return one line while the process cannot be started."""
        return [] if self._problem is None else [self._problem]

    async def run(self) -> NoReturn:
        """Open what comes until cancelled, then end the process."""
        try:
            while True:
                await self._started()
                if self._waiting:
                    await self._open(self._together(), tries=_TRIES_ALONE)
                else:
                    await self._wait()
                self._on_success()
        finally:
            await self._end()

    async def _wait(self) -> None:
        self._comes.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_EVERY_S):
                await self._comes.wait()

    def _together(self) -> list[_Opening]:
        size = count = 0
        for delivery, _ in self._waiting[:_TOGETHER]:
            size += len(delivery.body)
            count += 1
            if size > _BYTES_TOGETHER:
                break
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _open(self, together: list[_Opening], *, tries: int) -> None:
        contents = await self._ask([delivery for delivery, _ in together])
        if contents is not None:
            for (delivery, answer), (arrivals, flaw) in zip(together, contents, strict=True):
                _tell(answer, Opened(delivery, arrivals, flaw))
        elif len(together) > 1:
            for each in together:
                await self._open([each], tries=tries)
        elif tries > 1:
            await self._open(together, tries=tries - 1)
        else:
            [(delivery, answer)] = together
            _tell(answer, Opened(delivery, flaw=unreadable("it ended its reader each time")))

    async def _ask(self, deliveries: Sequence[Delivery]) -> list[Contents] | None:
        """What the process answers, or None if it ended or hung."""
        process = await self._started()
        payloads = [(delivery.body, delivery.format, delivery.account) for delivery in deliveries]
        try:
            contents: list[Contents] = await process.ask((self._languages(), payloads), within_s=self._deadline_s)
        except ChildLost as exc:
            await self._end(exc, deliveries=len(deliveries))
            return None
        return contents

    async def _started(self) -> Piped:
        """The process, once it is ready; it is replaced if it has ended by itself."""
        if self._process is not None and self._process.has_ended:
            await self._end(ChildLost("ended by itself"), deliveries=0)
        while self._process is None and not await self._has_started():  # noqa: ASYNC110 - no event tells when
            await asyncio.sleep(self._pause())
        assert self._process is not None
        return self._process

    async def _has_started(self) -> bool:
        try:
            await self._start()
        except ChildLost as exc:
            self._failures += 1
            self._problem = f"reader: the process that reads payloads {exc}"
            await self._end(exc, deliveries=0)
            return False
        return True

    async def _start(self) -> None:
        self._process = await Piped.start(self._command)
        await self._process.ask(self._secret, within_s=STARTS_WITHIN_S)
        self._failures, self._problem = 0, None

    async def _end(self, reason: ChildLost | None = None, *, deliveries: int = 0) -> None:
        """End the process; with a reason, say in one line why, and that another one follows."""
        process, self._process = self._process, None
        ended = await process.end() if process is not None else "not started"
        if reason is not None:
            then = "what it read is read again by a new one" if deliveries else "a new one starts"
            log.warning("reader ended", reason=str(reason), ended=ended, deliveries=deliveries, then=then)

    def _pause(self) -> float:
        longest = min(LONGEST_PAUSE_S, PAUSE_S * 2.0 ** min(self._failures, 10))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter


def _tell(answer: "asyncio.Future[Opened]", opened: Opened) -> None:
    if not answer.done():  # else whoever asked has gone
        answer.set_result(opened)
