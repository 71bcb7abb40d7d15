"""The history's vocabulary is what docs/api.md says it is."""

from router.domain.history import LEADS_TO, HistoryKind, HistoryReason
from tests.watching.history_table import documented


def test_every_kind_and_reason_is_documented_and_nothing_else():
    assert {row.kind for row in documented()} == set(HistoryKind)
    assert {row.reason for row in documented() if row.reason} == set(HistoryReason)


def test_each_kind_leads_to_the_state_that_is_documented():
    for row in documented():
        if row.states and row.kind != HistoryKind.REPLY:
            assert row.states == {LEADS_TO[HistoryKind(row.kind)]}, row
