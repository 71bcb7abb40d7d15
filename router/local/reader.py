"""Reads payloads in a process of its own: one that hangs, floods memory or kills its parser does it to no other.

Beside that, reading and deciding use a core each. Leaves what is read to `flow.parcels`.
"""

import asyncio
import gc
import os
import pickle
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn, TypeAlias

import structlog

from channels.formats import parse
from router.decide.language import load_languages
from router.flow.intake.parcels import Languages, Opener, Parse, Reading, unreadable
from router.flow.run.bus import Delivery
from router.local.child import lower
from router.local.process import end_with

log = structlog.get_logger(__name__)

COMMAND = (sys.executable, "-m", "router.local.reader")
DEADLINE_S = 20.0
STARTS_WITHIN_S = 60.0
MEMORY_BYTES = 2 * 1024**3
BEAT_EVERY_S = 1.0

# What is read at once at most: enough to be busy until the parent has time again, and nobody waits long for the last.
_TOGETHER = 100
_BYTES_TOGETHER = 1024**2
# Whatever ends processes here, an innocent may be hit once by chance.
_TRIES_ALONE = 2
_LENGTH = 8

Payload: TypeAlias = tuple[str, bytes, str | None]
_Waiting: TypeAlias = tuple[Delivery, "asyncio.Future[Reading]"]


class ReaderProcess:
    """Implements `router.flow.intake.parcels.Reader`; `run` keeps the process up.

    What came while it read is read together, next. If that ends the process, or takes longer than the deadline, each
    payload is read alone; one that does so twice is unreadable.
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
        """`secret` signs our mail tokens; `languages` are those that the policy tells apart.

        `run` calls `on_success` whenever it has read something, and once a second while nothing waits.
        """
        self._secret = secret
        self._languages = languages
        self._command = command
        self._deadline_s = deadline_s
        self._on_success = on_success
        self._waiting: list[_Waiting] = []
        self._comes = asyncio.Event()
        self._process: Process | None = None

    def read(self, delivery: Delivery) -> "asyncio.Future[Reading]":
        """See `Reader.read`."""
        answer: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, answer))
        self._comes.set()
        return answer

    async def start(self) -> None:
        """Return once the process is ready to read; raises where none can be started, which is no payload's fault."""
        try:
            await self._started()
        except BaseException:
            await self._end()
            raise

    async def run(self) -> NoReturn:
        """Read until cancelled, and end the process then."""
        try:
            while True:
                if self._waiting:
                    await self._read(self._together(), tries=_TRIES_ALONE)
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

    def _together(self) -> list[_Waiting]:
        size = count = 0
        for delivery, _ in self._waiting[:_TOGETHER]:
            size += len(delivery.body)
            count += 1
            if size > _BYTES_TOGETHER:
                break
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _read(self, together: list[_Waiting], *, tries: int) -> None:
        readings = await self._ask([delivery for delivery, _ in together])
        if readings is not None:
            for (_, answer), reading in zip(together, readings, strict=True):
                _tell(answer, reading)
        elif len(together) > 1:
            for each in together:
                await self._read([each], tries=tries)
        elif tries > 1:
            await self._read(together, tries=tries - 1)
        else:
            _tell(together[0][1], Reading(refusal=unreadable("it ended its reader each time")))

    async def _ask(self, deliveries: Sequence[Delivery]) -> list[Reading] | None:
        """What the process answers, or None if it ended or hung."""
        process = await self._started()
        try:
            async with asyncio.timeout(self._deadline_s):
                payloads = [(delivery.format, delivery.body, delivery.account) for delivery in deliveries]
                await _send(process, (self._languages(), payloads))
                readings: list[Reading] = await _receive(process)
                return readings
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


def _tell(answer: "asyncio.Future[Reading]", reading: Reading) -> None:
    if not answer.done():  # else whoever asked has gone
        answer.set_result(reading)


async def _send(process: Process, content: object) -> None:
    assert process.stdin is not None
    process.stdin.write(_framed(content))
    await process.stdin.drain()


async def _receive(process: Process) -> Any:
    assert process.stdout is not None
    length = int.from_bytes(await process.stdout.readexactly(_LENGTH))
    return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - our own child wrote it


def _framed(content: object) -> bytes:
    written = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return len(written).to_bytes(_LENGTH) + written


def serve(parse: Parse = parse) -> None:
    """The child: answer requests until the parent goes away."""
    end_with(os.getppid(), signal.SIGKILL)
    lower(resource.RLIMIT_AS, MEMORY_BYTES)
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    secret = _next(requests)
    load_languages()
    gc.freeze()
    _answer(answers, "ready")
    while request := _next(requests):
        _answer(answers, _read_all(request, parse, secret))


def _read_all(request: tuple[tuple[str, ...], Sequence[Payload]], parse: Parse, secret: bytes) -> list[Reading]:
    languages, payloads = request
    opener = Opener(parse, secret, lambda: languages)
    return [opener.open(*payload) for payload in payloads]


def _next(requests: BinaryIO) -> Any:
    length = int.from_bytes(requests.read(_LENGTH))
    return pickle.loads(requests.read(length)) if length else None  # noqa: S301 - our own parent wrote it


def _answer(answers: BinaryIO, content: object) -> None:
    answers.write(_framed(content))
    answers.flush()


if __name__ == "__main__":
    serve()
