"""What pydantic finds wrong, as a `Malformed` in words for the sender. Leaves what is right to the models."""

from typing import Any

from pydantic import ValidationError

from channels.errors import Malformed
from channels.message import MessageKey
from channels.text import NOT_BLANK

MEDIA_TYPE = r"^[\w.+-]+/[\w.+-]+$"
PROVIDER = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
WEB_ADDRESS = r"^https?://\S+$"
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def whole_number(value: object) -> object:
    """Let no text and no truth value pass for a number, for a validator before pydantic's own.

    JSON Schema calls 5.0 an integer, and pydantic's lax mode would call "5" and true one as well.
    """
    if isinstance(value, (str, bool)):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


def malformed(error: ValidationError, format_name: str, *, key: MessageKey | None = None) -> Malformed:
    """Return the first thing that pydantic found, in words for the sender."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(step) for step in first["loc"] if step != "[key]")
    return Malformed(field or "body", _problem(first["type"], first["msg"], first.get("ctx", {}), format_name), key=key)


_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of {format_name}: remove it",
    "enum": "must be one of {expected}",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length}",
    "too_long": "is longer than {max_length}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object with fields",
    "mapping_type": "must be an object with fields",
    "model_type": "must be an object with fields",
    "model_attributes_type": "must be an object with fields",
    "timezone_aware": "must have a zone, as 2026-03-01T09:30:00Z",
    "value_error": "{error}",
}
"""pydantic's kinds of errors, in words for whoever sends the payload."""

_SHAPES = {
    NOT_BLANK: "must hold more than white space",
    MEDIA_TYPE: "must be a media type such as image/png",
    PROVIDER: "must be of lower-case letters, digits, dots, dashes and underscores, 64 at most",
    WEB_ADDRESS: "must be an address that begins with http:// or https://",
    LANGUAGE: "must be a language tag such as en or pt-BR",
}
"""Patterns, in the same words."""


def _problem(kind: str, words: str, limits: dict[str, Any], format_name: str) -> str:
    if kind.startswith("datetime_"):
        return "must be a date and time with a zone, as 2026-03-01T09:30:00Z"
    if kind == "string_pattern_mismatch":
        return _SHAPES.get(limits["pattern"], "is not written as its description says")
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(format_name=format_name, **limits)
    return words.removeprefix("Input ").replace("should", "must")
