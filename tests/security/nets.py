"""Takes away one of the two nets under what people read, to see that the other one holds alone."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from types import MappingProxyType
from typing import Any

import pytest

import router.postgres
from router.domain.actor import Viewer

_PAGES_FOR_THE_OWNER = """
select ticket_page(ticket_id, teams, $2) as page
from json_to_recordset($1) as asked (ticket_id bigint, teams text[])
"""


def without_team_conditions(patch: pytest.MonkeyPatch) -> None:
    """Let every store's reads be told of no teams, as if its statements had no condition: row-level security is left.

    Whatever takes a `Viewer` is found here by itself. The person stays who they are, and flows still know their teams.
    """
    for kind in _stores():
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if "viewer" in inspect.signature(method).parameters:
                patch.setattr(kind, name, _told_of_no_teams(method))


def without_row_level_security(patch: pytest.MonkeyPatch) -> None:
    """Let everybody read as the owner of the tables: the statements' own conditions are left."""
    _replace(patch, "eyes", "become_agent", "select $1::text")
    _replace(patch, "see.reading", "pages", _PAGES_FOR_THE_OWNER)


def _replace(patch: pytest.MonkeyPatch, file: str, name: str, statement: str) -> None:
    module = importlib.import_module(f"router.postgres.{file}")
    patch.setattr(module, "SQL", MappingProxyType({**module.SQL, name: statement}))


def _stores() -> Iterator[type]:
    for module in pkgutil.walk_packages(router.postgres.__path__, "router.postgres."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ == module.name:
                yield kind


def _told_of_no_teams(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def told(*arguments: Any, **named: Any) -> Any:
        return read(*map(_without_teams, arguments), **named)

    return told


def _without_teams(argument: object) -> object:
    return replace(argument, teams=None) if isinstance(argument, Viewer) else argument
