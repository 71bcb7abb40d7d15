"""Loads the named statements from `sql/**/*.sql`. The stores run them."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

SQL = Path(__file__).parent / "sql"
INTRODUCTION = re.compile(r"^-- name: (\w+)\n-- \S.*\n", re.MULTILINE)


@cache
def load(file: str) -> Mapping[str, str]:
    """Return the statements of `sql/FILE.sql` by name; `file` is, for example, `assign/claims`.

    Each statement starts with a line such as `-- name: claim_heads` and a comment line that states its purpose. Raises
    `ValueError` if that line is missing or a name appears twice.
    """
    text = (SQL / f"{file}.sql").read_text()
    _, *parts = INTRODUCTION.split(text)
    names = parts[::2]
    if len(set(names)) != len(names) or len(names) != text.count("-- name: "):
        raise ValueError(f"{file}.sql: every statement needs a name of its own and a line that states its purpose")
    return MappingProxyType({name: sql.strip() for name, sql in zip(names, parts[1::2], strict=True)})
