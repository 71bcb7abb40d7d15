"""Turns pydantic's errors into a `Malformed` in words for the sender."""

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
    """Refuse text, true and false as a number, before pydantic's own validator runs.

    JSON Schema accepts 5.0 as an integer; pydantic's lax mode would also accept "5" and true.
    """
    if isinstance(value, (str, bool)):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


def malformed(error: ValidationError, format_name: str, *, key: MessageKey | None = None) -> Malformed:
    """Return pydantic's first error in words for the sender."""
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
    "timezone_aware": "must have a time zone, such as 2026-03-01T09:30:00Z",
    "value_error": "{error}",
}
"""pydantic's kinds of errors, in words for the sender."""

_SHAPES = {
    NOT_BLANK: "must hold more than white space",
    MEDIA_TYPE: "must be a media type such as image/png",
    PROVIDER: "must be at most 64 lower-case letters, digits, dots, dashes and underscores",
    WEB_ADDRESS: "must be an address that starts with http:// or https://",
    LANGUAGE: "must be a language tag such as en or pt-BR",
}
"""What a value must look like, by its pattern."""


def _problem(kind: str, words: str, limits: dict[str, Any], format_name: str) -> str:
    if kind.startswith("datetime_"):
        return "must be a date and time with a zone, such as 2026-03-01T09:30:00Z"
    if kind == "string_pattern_mismatch":
        return _SHAPES.get(limits["pattern"], "does not match its description")
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(format_name=format_name, **limits)
    return words.removeprefix("Input ").replace("should", "must")
