"""The process behind `local.reader`: opens what comes on its standard input, and answers on its standard output.

It imports little: it starts quickly, and each process on the machine pays for what it loads.
"""

import gc
import os
import resource
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import BinaryIO, NoReturn, TypeAlias

from channels.formats import parse
from router.decide.language import load_languages
from router.flow.intake.opening import Arrival, Opener, Parse
from router.flow.intake.unprocessable import Flaw
from router.flow.run.bus import Delivery
from router.local.bounds import end_with, lower
from router.local.frames import Failed, framed, next_in

MEMORY_BYTES = 2 * 1024**3

Payload: TypeAlias = tuple[bytes, str, str | None]
"""What of a `Delivery` is sent: body, format and account."""
Request: TypeAlias = tuple[tuple[str, ...], Sequence[Payload]]
"""The languages that the policy tells apart, and what to open."""
Contents: TypeAlias = tuple[tuple[Arrival, ...], Flaw | None]
"""What of an `Opened` is answered: all but the delivery, whose bytes are where they came from."""


def serve(parse: Parse = parse) -> None:
    """Answer requests until the parent goes away, which is no error: there is nobody left to tell."""
    end_with(os.getppid(), signal.SIGKILL)
    lower(resource.RLIMIT_AS, MEMORY_BYTES)
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)  # a buffer would be flushed again at the exit
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    try:
        _serve(requests, answers, parse)
    except (EOFError, BrokenPipeError):
        return
    except Exception as exc:  # noqa: BLE001 - the parent says it in the log's form
        _answer(answers, Failed(_where(exc)))
        sys.exit(1)


def _where(exc: Exception) -> str:
    """The error and the line that raised it, without its text, which may hold a customer's words."""
    line = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} at {line.filename}:{line.lineno}"


def _serve(requests: BinaryIO, answers: BinaryIO, parse: Parse) -> NoReturn:
    secret = next_in(requests)
    load_languages()
    gc.freeze()
    _answer(answers, "ready")
    while True:
        _answer(answers, _open_all(next_in(requests), parse, secret))


def _open_all(request: Request, parse: Parse, secret: bytes) -> list[Contents]:
    languages, payloads = request
    opener = Opener(parse, secret, lambda: languages)
    opened = (opener.open(Delivery(*payload)) for payload in payloads)
    return [(arrivals, flaw) for _, arrivals, flaw in opened]


def _answer(answers: BinaryIO, content: object) -> None:
    left = memoryview(framed(content))
    while left:
        left = left[answers.write(left) :]


if __name__ == "__main__":
    serve()
