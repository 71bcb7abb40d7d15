"""What agents read under: a role, its grants, policies and a function. A dump of one database carries no roles.

Restored into a server without the role, the database lacks all that names it. The migrations say how it is made again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from router.postgres.database import Connection
from router.postgres.statements import load

SQL = load("migrate")

_ROLE = re.compile(r"^do \$\$\n.*?frontdesk_agent.*?^\$\$;\n", re.DOTALL | re.MULTILINE)
_POLICY = re.compile(r"^create policy (\w+) on \w+ .*?;\n", re.DOTALL | re.MULTILINE)
_GRANT = re.compile(r"^(?:grant|revoke)\b[^;]*\bfrontdesk_agent;\n", re.MULTILINE)
_READER = re.compile(
    r"^create (?:or replace )?function ticket_page_seen_by\(.*?^\$\$;\n.*?^revoke execute on [^;]*;\n",
    re.DOTALL | re.MULTILINE,
)


async def lacking(connection: Connection, migrations: Iterable[str]) -> list[str]:
    """Return what is missing of it in a database that has these migrations; empty if nothing is."""
    expected = [name for name, _ in _policies("".join(migrations))]
    if not expected:
        return []
    if not (await connection.fetch(SQL["has_role"]))[0]["has_role"]:
        return ["the role frontdesk_agent"]
    known = {row["policyname"] for row in await connection.fetch(SQL["policies"])}
    missing = [f"the policy {name}" for name in expected if name not in known]
    [reader] = await connection.fetch(SQL["has_reader"])
    if not (reader["exists"] and reader["may_read"]):
        missing.append("what the role frontdesk_agent may do")
    return missing


async def provide(connection: Connection, migrations: Sequence[str]) -> None:
    """Make what is missing of it; the caller brings the transaction."""
    text = "".join(migrations)
    for statement in _ROLE.findall(text):
        await connection.execute(statement)
    known = {row["policyname"] for row in await connection.fetch(SQL["policies"])}
    for name, statement in _policies(text):
        if name not in known:
            await connection.execute(statement)
    readers = [] if (await connection.fetch(SQL["has_reader"]))[0]["exists"] else _READER.findall(text)[-1:]
    for statement in (*_GRANT.findall(text), *readers):
        await connection.execute(statement)


def _policies(text: str) -> Iterator[tuple[str, str]]:
    for found in _POLICY.finditer(text):
        yield found[1], found[0]
