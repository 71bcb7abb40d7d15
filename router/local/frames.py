"""What `pipes` and `opener` send each other through a pipe, either way: a pickle behind its length."""

import pickle
from typing import Any, BinaryIO, NamedTuple

LENGTH = 8


class Failed(NamedTuple):
    """The answer of a child that cannot go on: its error, and where it was raised."""

    error: str


def framed(content: object) -> bytes:
    """The content as it goes through the pipe."""
    written = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return len(written).to_bytes(LENGTH) + written


def next_in(pipe: BinaryIO) -> Any:
    """The next content; raises `EOFError` if the other end has gone, even in the middle of one."""
    length = int.from_bytes(_exactly(pipe, LENGTH))
    return pickle.loads(_exactly(pipe, length))  # noqa: S301 - our own parent wrote it


def _exactly(pipe: BinaryIO, length: int) -> bytes:
    found = pipe.read(length)
    if len(found) < length:
        raise EOFError
    return found
