"""SQL statements are static text: what they write into the history is in its vocabulary, and all of that is used."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import router
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketState
from router.postgres.statements import SQL, load

INTO_HISTORY = r"insert into ticket_event \(ticket_id, at, kind, state, actor, data\)\s+select\s(.*?)\s+from "
STATEMENTS = {
    f"{path.relative_to(SQL).with_suffix('')}.{name}": statement
    for path in sorted(SQL.rglob("*.sql"))
    for name, statement in load(str(path.relative_to(SQL).with_suffix(""))).items()
    if "insert into ticket_event" in statement
}
GIVEN_ITS_WORDS = {"assign/timers.record_waits", "intake/receive.record", "work/moves.insert_event"}
CODE = "".join(
    path.read_text()
    for path in Path(router.__file__).parent.rglob("*.py")
    if path.relative_to(Path(router.__file__).parent) != Path("domain/history.py")
)


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - GIVEN_ITS_WORDS))
def test_statement_writes_only_known_words_into_the_history(name: str):
    _, _, kind, state, _, data = written(STATEMENTS[name])
    assert kinds(kind)
    assert kinds(kind) <= set(HistoryKind)
    assert set(literals(state)) <= set(TicketState)
    assert set(reasons(data)) <= set(HistoryReason)


def test_every_word_of_the_history_is_written_by_some_statement_or_by_the_code():
    by_statements = [written(STATEMENTS[name]) for name in STATEMENTS.keys() - GIVEN_ITS_WORDS]
    known_kinds = {kind for columns in by_statements for kind in kinds(columns[2])}
    known_reasons = {reason for columns in by_statements for reason in reasons(columns[5])}
    kinds_of_code = {kind for kind in HistoryKind if f"HistoryKind.{kind.name}" in CODE}
    reasons_of_code = {why for why in HistoryReason if f"HistoryReason.{why.name}" in CODE}
    unused = (set(HistoryKind) - known_kinds - kinds_of_code) | (set(HistoryReason) - known_reasons - reasons_of_code)
    assert not unused, f"neither a statement nor the code writes {sorted(unused)} into the history"


def written(statement: str) -> list[str]:
    """The columns that a statement writes into the history, as SQL."""
    [selected] = re.findall(INTO_HISTORY, statement, re.DOTALL)
    return list(columns(selected))


def columns(selected: str) -> Iterator[str]:
    """The parts between commas that stand in no parenthesis."""
    depth, column = 0, ""
    for character in selected:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield column.strip()
            column = ""
        else:
            column += character
    yield column.strip()


def kinds(column: str) -> set[str]:
    return set(literals(re.sub(r"\bwhen\b.*?\bthen\b", "", column, flags=re.DOTALL)))


def reasons(data: str) -> list[str]:
    return re.findall(r"'reason', '(\w+)'", data)


def literals(column: str) -> list[str]:
    return re.findall(r"'(\w+)'", column)
