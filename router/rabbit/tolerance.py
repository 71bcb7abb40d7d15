"""Makes the AMQP decoder ignore properties that it cannot read.

RabbitMQ passes message properties on without checking them. Otherwise one delivery with a timestamp in microseconds, or
a name that is not UTF-8, would end the connection of each consumer that gets it, again and again. The body is what
counts, so unreadable properties count as absent.
"""

import struct
from collections.abc import Callable
from typing import Any

from pamqp import decode

Decoder = Callable[[bytes], tuple[int, Any]]


def apply() -> None:
    """Replace the process's decoders of timestamps, short strings and tables. Safe to repeat."""
    replacements: dict[str, Decoder] = {"timestamp": _timestamp, "shortstr": _short_string, "table": _table}
    decode.METHODS.update(replacements)
    decode.TABLE_MAPPING[b"T"] = _timestamp


def _timestamp(value: bytes) -> tuple[int, Any]:
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _short_string(value: bytes) -> tuple[int, str]:
    end = value[0] + 1
    return end, value[1:end].decode(errors="replace")


def _table(value: bytes) -> tuple[int, Any]:
    try:
        return decode.field_table(value)
    except (ValueError, OverflowError, OSError, RecursionError):
        (length,) = struct.unpack_from(">I", value)
        return 4 + length, {}
