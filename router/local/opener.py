"""The process behind `local.reader`: opens what comes on its standard input, and answers on its standard output.

It imports little: it starts quickly, and each process on the machine pays for what it loads.
"""

import gc
import os
import pickle
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, TypeAlias

from channels.formats import parse
from router.decide.language import load_languages
from router.flow.intake.opening import Arrival, Opener, Parse
from router.flow.intake.unprocessable import Flaw
from router.flow.run.bus import Delivery
from router.local.bounds import end_with, lower

LENGTH = 8
MEMORY_BYTES = 2 * 1024**3

Payload: TypeAlias = tuple[bytes, str, str | None]
"""What of a `Delivery` is sent: body, format and account."""
Request: TypeAlias = tuple[tuple[str, ...], Sequence[Payload]]
"""The languages that the policy tells apart, and what to open."""
Contents: TypeAlias = tuple[tuple[Arrival, ...], Flaw | None]
"""What of an `Opened` is answered: all but the delivery, whose bytes are where they came from."""


def serve(parse: Parse = parse) -> None:
    """Answer requests until the parent goes away."""
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
        _answer(answers, _open_all(request, parse, secret))


def framed(content: object) -> bytes:
    """The content as it goes through the pipe, either way: its length, then its pickle."""
    written = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return len(written).to_bytes(LENGTH) + written


def _open_all(request: Request, parse: Parse, secret: bytes) -> list[Contents]:
    languages, payloads = request
    opener = Opener(parse, secret, lambda: languages)
    opened = (opener.open(Delivery(*payload)) for payload in payloads)
    return [(arrivals, flaw) for _, arrivals, flaw in opened]


def _next(requests: BinaryIO) -> Any:
    length = int.from_bytes(requests.read(LENGTH))
    return pickle.loads(requests.read(length)) if length else None  # noqa: S301 - our own parent wrote it


def _answer(answers: BinaryIO, content: object) -> None:
    answers.write(framed(content))
    answers.flush()


if __name__ == "__main__":
    serve()
