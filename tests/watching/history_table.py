"""The table of a ticket's history in docs/api.md, and where a history differs from it."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

API = Path(__file__).parents[2] / "docs" / "api.md"
ALSO_A_LEAD = {"admin"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a line of the history may look like; no `states` if the ticket stays as it was."""

    kind: str
    reason: str | None
    states: frozenset[str]
    actors: frozenset[str]
    data: frozenset[str]
    perhaps: frozenset[str]

    def is_of(self, line: Mapping[str, Any]) -> bool:
        keys = line["data"].keys() - {"reason"}
        return (
            (self.kind, self.reason) == (line["kind"], line["data"].get("reason"))
            and (not self.states or line["state"] in self.states)
            and self._may_be_by(_role(line))
            and self.data <= keys <= self.data | self.perhaps
        )

    def _may_be_by(self, role: str) -> bool:
        return role in self.actors or ("lead" in self.actors and role in ALSO_A_LEAD)


@cache
def documented() -> list[Row]:
    return list(_rows(API.read_text()))


def undocumented(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    rows = documented()
    return [line for line in lines if not any(row.is_of(line) for row in rows)]


def unwritten(lines: Collection[Mapping[str, Any]]) -> list[tuple[Row, str]]:
    """Rows that lack something, and what: one of their actors, or lines with and without each key in brackets."""
    return [(row, what) for row in documented() for what in _missing(row, [line for line in lines if row.is_of(line)])]


def _missing(row: Row, lines: Collection[Mapping[str, Any]]) -> Iterator[str]:
    yield from row.actors - set(map(_role, lines))
    for key in row.perhaps:
        if {key in line["data"] for line in lines} != {True, False}:
            yield f"lines with and without {key}"


def _role(line: Mapping[str, Any]) -> str:
    role: str = line["actor"].partition(":")[0]
    return role


def _rows(text: str) -> Iterator[Row]:
    table = text.partition("| `kind` | `reason` |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        kind, reason, state, actor, data = (cell.strip() for cell in line.strip("|").split("|"))
        perhaps = "".join(re.findall(r"\[.*?\]", data))
        actors = {word for word in re.findall(r"\w+", actor) if word in {"intake", "timers", "agent", "lead", "cli"}}
        yield Row(
            kind=kind.strip("`"),
            reason=reason.strip("`") or None,
            states=frozenset() if "as before" in state else frozenset(_words(state)),
            actors=frozenset(actors),
            data=frozenset(_words(data.replace(perhaps, ""))),
            perhaps=frozenset(_words(perhaps)),
        )


def _words(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)
