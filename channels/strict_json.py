"""JSON as it may be stored: bounded in size and depth, no duplicate keys, no NaN, no NUL, no lone surrogates."""

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from channels.errors import Malformed
from channels.text import UNSTORABLE

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def load(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`; raise `Malformed` if RFC 8259 or the limits forbid it."""
    value = decode(raw)
    # Strict UTF-8 and strict JSON let neither NUL nor a surrogate through, except as an escape.
    if b"\\u" in raw:
        check_storable(value)
    return value


def decode(raw: bytes, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Do the same, without checking that it can be stored: call `check_storable` for each part."""
    if len(raw) > max_bytes:
        raise Malformed("body", f"is larger than {max_bytes // 1024} KiB: send attachments by url")
    _check_depth(raw)
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as exc:
        raise Malformed("body", f"is not UTF-8 at byte {exc.start}") from exc
    except json.JSONDecodeError as exc:
        raise Malformed(
            "body", f"is not JSON: {exc.msg.removesuffix(' at')} at line {exc.lineno} column {exc.colno}"
        ) from exc
    except ValueError as exc:
        raise Malformed("body", "holds a number with too many digits") from exc
    if not isinstance(value, dict):
        raise Malformed("body", "must be a JSON object")
    return value


def check_storable(value: object, path: str = "") -> None:
    """Raise `Malformed` if a text in `value` cannot be stored; `path` leads to `value`."""
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            raise Malformed(path, "holds a NUL or half of a surrogate pair: remove it")
        return
    for key, inner in _members(value):
        check_storable(str(key), path or "body")
        check_storable(inner, f"{path}.{key}" if path else str(key))


def _check_depth(raw: bytes) -> None:
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed("body", f"is nested deeper than {MAX_DEPTH} levels")


def _members(value: object) -> Iterable[tuple[object, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise Malformed("body", f"has the key {key[:64]!r} twice in one object: keep one")
        seen.add(key)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed("body", f"holds {name}, which is not JSON: leave the field out")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
