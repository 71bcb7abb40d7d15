"""Whom a transition wakes follows from its kind, and from whether an agent had the ticket or has it now."""

import pytest

from router.domain.history import LEADS_TO, HistoryKind
from router.domain.ticket import TicketState
from router.postgres.hints import AGENTS, QUEUED, TOPICS, topics


@pytest.mark.parametrize("kind", HistoryKind)
def test_every_kind_of_the_history_says_whom_it_wakes(kind: HistoryKind):
    assert kind in TOPICS, f"say in router/postgres/hints.py: TOPICS whom `{kind}` wakes"
    assert (QUEUED in TOPICS[kind]) == (LEADS_TO.get(kind) is TicketState.QUEUED)


@pytest.mark.parametrize(
    ("kind", "with_agent", "woken"),
    [
        (HistoryKind.QUEUE, False, [QUEUED]),
        (HistoryKind.QUEUE, True, [QUEUED, AGENTS]),
        (HistoryKind.RELAX, True, [QUEUED]),
        (HistoryKind.OFFER, True, [AGENTS]),
        (HistoryKind.RESOLVE, False, []),
        (HistoryKind.RESOLVE, True, [AGENTS]),
        (HistoryKind.RECEIVE, True, []),
    ],
)
def test_agents_are_woken_only_if_one_of_them_gains_or_loses_the_ticket(
    kind: HistoryKind, with_agent: bool, woken: list[str]
):
    assert topics(kind, with_agent=with_agent) == woken
