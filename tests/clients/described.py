"""Real answers held against the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

_OF_HTTP = frozenset({
    "allow", "cache-control", "connection", "content-length", "content-type", "date", "server", "transfer-encoding",
    "x-accel-buffering",
})  # fmt: skip
"""Headers that say nothing of the API."""


def undescribed(operation: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> list[str]:
    """Return what the operation does not say of an answer: its status, a header, the type of its body.

    A 409 without a lease is one of the answers that `default` stands for.
    """
    responses = operation["responses"]
    described = responses.get(str(status)) or (responses["default"] if status == 409 else None)
    if described is None:
        return [str(status)]
    known = _OF_HTTP.union(map(str.lower, described.get("headers", ())))
    unknown = [name for name in headers if name.lower() not in known]
    media = headers.get("Content-Type", "").partition(";")[0]
    types = described.get("content", {})
    return unknown if media in types or "*/*" in types or (not types and status == 204) else [*unknown, media]
