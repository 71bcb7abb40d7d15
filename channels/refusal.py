"""Turns pydantic's errors into a `Malformed` in words for the sender."""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from channels.errors import Malformed
from channels.message import MessageKey
from channels.text import NOT_BLANK

MEDIA_TYPE = r"^[\w.+-]+/[\w.+-]+$"
PROVIDER = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
WEB_ADDRESS = r"^https?://\S+$"
MAX_FAULTS = 10
"""So many faults of one payload are told; of any more, only their number."""
MAX_NAME = 64
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def whole_number(value: object) -> object:
    """Refuse text, true and false as a number, before pydantic's own validator runs.

    JSON Schema accepts 5.0 as an integer; pydantic's lax mode would also accept "5" and true.
    """
    if isinstance(value, (str, bool)):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


def malformed(
    error: ValidationError, format_name: str, model: type[BaseModel], *, key: MessageKey | None = None
) -> Malformed:
    """Return pydantic's errors in words for the sender, one for each field; `model` is what refused the payload."""
    faults: dict[str, str] = {}
    for found in error.errors(include_url=False, include_input=False):
        path = [_shown(step) for step in found["loc"] if step != "[key]"]
        faults.setdefault(".".join(path) or "body", _problem(found, path, format_name, model))
    (field, problem), *further = faults.items()
    if unnamed := len(further[MAX_FAULTS - 1 :]):
        further = [*further[: MAX_FAULTS - 1], ("body", f"has {unnamed:,} more faults")]
    return Malformed(field, problem, key=key, further=further)


def _shown(step: object) -> str:
    """A step of the path to a field; strangers choose the names, so a long one is cut."""
    name = str(step)
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"


def _problem(found: ErrorDetails, path: Sequence[str], format_name: str, model: type[BaseModel]) -> str:
    kind, limits = found["type"], found.get("ctx", {})
    if kind.startswith("datetime_"):
        return "must be a date and time with a zone, such as 2026-03-01T09:30:00Z"
    if kind == "string_pattern_mismatch":
        return _SHAPES.get(limits["pattern"], "does not match its description")
    if kind == "extra_forbidden" and (meant := get_close_matches(path[-1], _field_names(model), n=1, cutoff=0.75)):
        return f"is not a field of {format_name}: write '{meant[0]}', or remove it"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(format_name=format_name, **limits)
    return found["msg"].removeprefix("Input ").replace("should", "must")


@cache
def _field_names(model: type[BaseModel]) -> Sequence[str]:
    """The names of all fields in the model and in what it holds, as payloads spell them."""
    schema = model.model_json_schema(by_alias=True)
    parts = [schema, *schema.get("$defs", {}).values()]
    return [name for part in parts for name in part.get("properties", {})]


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
