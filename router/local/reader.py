"""Opens deliveries in a process of its own: one that hangs, floods memory or kills its parser harms nothing else.

Besides, opening and deciding then use a core each. `local.opener` is what runs in that process.
"""

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias

import structlog

from router.flow.intake.opening import Languages, Opened, unreadable
from router.flow.run.bus import Delivery
from router.local.opener import LENGTH, Contents, framed

log = structlog.get_logger(__name__)

COMMAND = (sys.executable, "-m", "router.local.opener")
DEADLINE_S = 20.0
STARTS_WITHIN_S = 60.0
BEAT_EVERY_S = 1.0

# Most to open at once: enough to keep busy until the parent has time again, without a long wait for the last one.
_TOGETHER = 100
_BYTES_TOGETHER = 1024**2
# whatever kills processes on this machine may hit an innocent payload once by chance
_TRIES_ALONE = 2

_Opening: TypeAlias = tuple[Delivery, "asyncio.Future[Opened]"]


class ReaderProcess:
    """Implements `router.flow.intake.reader.Reader`; `run` keeps the process up.

    It opens together what arrived while the process was busy. If that ends the process or misses the deadline, it opens
    each delivery alone; one that does so twice is unreadable.
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
        self._process: Process | None = None

    def open(self, delivery: Delivery) -> "asyncio.Future[Opened]":
        """See `Reader.open`."""
        answer: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, answer))
        self._comes.set()
        return answer

    async def start(self) -> None:
        """Return once the process is ready; raises if it cannot be started, which is no delivery's fault."""
        try:
            await self._started()
        except BaseException:
            await self._end()
            raise

    async def run(self) -> NoReturn:
        """Open what comes until cancelled, then end the process."""
        try:
            while True:
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
        try:
            async with asyncio.timeout(self._deadline_s):
                payloads = [(delivery.body, delivery.format, delivery.account) for delivery in deliveries]
                await _send(process, (self._languages(), payloads))
                contents: list[Contents] = await _receive(process)
                return contents
        except (TimeoutError, OSError, EOFError, asyncio.IncompleteReadError) as exc:
            log.warning("reader ended", deliveries=len(deliveries), reason=type(exc).__name__)
            await self._end()
            return None

    async def _started(self) -> Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
            async with asyncio.timeout(STARTS_WITHIN_S):
                await _send(self._process, self._secret)
                await _receive(self._process)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


def _tell(answer: "asyncio.Future[Opened]", opened: Opened) -> None:
    if not answer.done():  # else whoever asked has gone
        answer.set_result(opened)


async def _send(process: Process, content: object) -> None:
    assert process.stdin is not None
    process.stdin.write(framed(content))
    await process.stdin.drain()


async def _receive(process: Process) -> Any:
    assert process.stdout is not None
    length = int.from_bytes(await process.stdout.readexactly(LENGTH))
    return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - our own child wrote it
