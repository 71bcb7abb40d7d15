"""Talks with a child process through its pipes. Whatever happens to the child or to a pipe becomes `ChildLost`."""

import asyncio
import pickle
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

from router.domain.errors import Unavailable
from router.local.frames import LENGTH, Failed, framed

ENDS_WITHIN_S = 5.0


class ChildLost(Unavailable):
    """The child process has ended, hangs, or has closed its pipes."""


class Piped:
    """A child process that answers each content on its standard input with one on its standard output."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start the command; raises `ChildLost`."""
        with lost("cannot be started"):
            return cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, start_new_session=True))

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def ask(self, content: object, *, within_s: float) -> Any:
        """Send the content and return the answer; raises `ChildLost`, after which the child is of no more use."""
        with lost(f"does not answer within {within_s:g} s"):
            async with asyncio.timeout(within_s):
                answer = await self._answer(content)
        if isinstance(answer, Failed):
            raise ChildLost(f"failed with {answer.error}")
        return answer

    async def _answer(self, content: object) -> Any:
        writes, reads = self._process.stdin, self._process.stdout
        assert writes is not None
        assert reads is not None
        writes.write(framed(content))
        await writes.drain()
        length = int.from_bytes(await reads.readexactly(LENGTH))
        return pickle.loads(await reads.readexactly(length))  # noqa: S301 - our own child wrote it

    async def end(self) -> str:
        """Kill the child if it still runs; return how it ended."""
        await end(self._process)
        return _status(self._process.returncode)


async def end(process: Process) -> None:
    """Kill the process if it still runs."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(ENDS_WITHIN_S):
            await process.wait()


@contextmanager
def lost(when_late: str) -> Iterator[None]:
    """Turn every error in the block into `ChildLost`, which says `when_late` for a missed deadline.

    asyncio raises `OSError` and `EOFError`. uvloop writes to a closed pipe with a `RuntimeError`. Unpickling what a
    damaged child wrote may raise anything.
    """
    try:
        yield
    except TimeoutError as exc:
        raise ChildLost(when_late) from exc
    except Exception as exc:
        raise ChildLost(f"{_WORDS.get(type(exc)) or type(exc).__name__}") from exc


_WORDS: dict[type[BaseException], str] = {
    asyncio.IncompleteReadError: "ended before it answered",
    BrokenPipeError: "reads no more",
    ConnectionResetError: "reads no more",
    RuntimeError: "reads no more",  # uvloop: the handle of the pipe is closed
}


def _status(returncode: int | None) -> str:
    if returncode is None:
        return "still running"
    return f"signal {-returncode}" if returncode < 0 else f"status {returncode}"
