"""The history's vocabulary is what docs/api.md says it is."""

from router.domain.history import LEADS_TO, HistoryKind, HistoryReason
from tests.watching.history_table import documented


def test_every_kind_and_reason_is_documented_and_nothing_else():
    words = {*HistoryKind, *HistoryReason}
    rows = {row.kind for row in documented()} | {row.reason for row in documented() if row.reason}
    assert not words - rows, f"add a row to the table of the history in docs/api.md for {sorted(words - rows)}"
    assert {row.kind for row in documented()} == set(HistoryKind)
    assert {row.reason for row in documented() if row.reason} == set(HistoryReason)


def test_each_kind_leads_to_the_state_that_is_documented():
    for row in documented():
        if row.states and row.kind != HistoryKind.REPLY:
            leads_to = LEADS_TO.get(HistoryKind(row.kind))
            assert row.states == {leads_to}, f"domain/history.py: LEADS_TO has {leads_to} for {row}"
