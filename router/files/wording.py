"""Puts pydantic's findings into the operator's words and names the places in the file."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

_WORDING = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
}


def sentence(problem: ErrorDetails, document: object) -> str:
    """Return one sentence about the file: `routes[2] 'vip', target: is missing`."""
    match problem:
        case {"type": "value_error", "ctx": {"error": error}}:
            words = str(error)
        case {"type": "enum" | "literal_error", "ctx": {"expected": expected}, "input": given}:
            words = f"'{given}' is not one of {expected.replace(' or ', ', ').replace(chr(39), '')}"
        case _:
            words = _WORDING.get(problem["type"], problem["msg"].replace("Input should be", "must be"))
    return f"{_place(problem['loc'], document)}: {words}"


def _place(path: tuple[str | int, ...], document: Any) -> str:
    """Return the path as an operator would say it: `routes[2] 'vip', when.tier`."""
    match path:
        case (str(section), int(index), *rest):
            item = document[section][index]
            name = item.get("name") if isinstance(item, dict) else None
            head = f"{section}[{index}] '{name}'" if isinstance(name, str) else f"{section}[{index}]"
            return ", ".join(filter(None, (head, _dotted(rest))))
        case _:
            return _dotted(path) or "the file"


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in path if step != "[key]")
