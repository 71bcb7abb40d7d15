"""Who is given which ticket, on plain data."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decide.offer import Asking, Line, offer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def lines(**groups: list[int]) -> list[Line]:
    """Tickets by group (`g1=[5, 9]`); a ticket's number is also the minute at which it is due."""
    return [
        Line(int(name[1:]), [(NOON + timedelta(minutes=n), n) for n in tickets]) for name, tickets in groups.items()
    ]


@pytest.mark.parametrize(
    ("asking", "waiting", "expected"),
    [
        pytest.param([], lines(g1=[1]), {}, id="nobody asks"),
        pytest.param([Asking(7, [1])], [], {}, id="nothing waits"),
        pytest.param([Asking(7, [1])], lines(g1=[]), {}, id="an empty line"),
        pytest.param([Asking(7, [])], lines(g1=[1]), {}, id="an agent without groups"),
        pytest.param([Asking(7, [2])], lines(g1=[1], g2=[5]), {7: 5}, id="other groups are not the agent's"),
        pytest.param([Asking(7, [1, 2])], lines(g1=[5], g2=[1]), {7: 1}, id="due first of all groups"),
        pytest.param([Asking(9, [1]), Asking(7, [1])], lines(g1=[1, 2]), {9: 1, 7: 2}, id="in order of arrival"),
        pytest.param([Asking(7, [1]), Asking(8, [1])], lines(g1=[1]), {7: 1}, id="who came last goes without"),
        pytest.param([Asking(7, [1]), Asking(8, [1, 2])], lines(g1=[1], g2=[9]), {7: 1, 8: 9}, id="the next best"),
    ],
)
def test_offer(asking, waiting, expected):
    assert {match.agent_id: match.ticket_id for match in offer(asking, waiting)} == expected


def test_of_tickets_due_together_the_older_one_comes_first():
    tied = [Line(1, [(NOON, 4)]), Line(2, [(NOON, 3)])]
    assert [match.ticket_id for match in offer([Asking(7, [1, 2])], tied)] == [3]


GROUPS = st.integers(1, 5)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Asking], list[Line]]:
    group_of = draw(st.dictionaries(st.integers(1, 40), GROUPS))
    due = {ticket: NOON + timedelta(minutes=draw(st.integers(0, 5))) for ticket in group_of}
    waiting = [
        Line(group, sorted((due[ticket], ticket) for ticket in group_of if group_of[ticket] == group))
        for group in range(1, 6)
    ]
    groups = draw(st.lists(st.lists(GROUPS, unique=True), max_size=12))
    return [Asking(agent_id, mine) for agent_id, mine in enumerate(groups)], waiting


@given(situations())
def test_no_ticket_and_no_agent_is_matched_twice(situation):
    matches = offer(*situation)
    assert all(count == 1 for count in Counter(match.agent_id for match in matches).values())
    assert all(count == 1 for count in Counter(match.ticket_id for match in matches).values())


@given(situations())
def test_each_agent_in_turn_gets_the_first_due_of_what_is_left_to_them(situation):
    asking, waiting = situation
    given_to = {match.agent_id: match.ticket_id for match in offer(asking, waiting)}
    left = {(due, ticket, line.group) for line in waiting for due, ticket in line.tickets}
    for agent in asking:
        mine = sorted(entry for entry in left if entry[2] in agent.groups)
        assert given_to.get(agent.agent_id) == (mine[0][1] if mine else None)
        left -= set(mine[:1])


@given(situations())
def test_the_lines_are_left_as_they_were(situation):
    asking, waiting = situation
    before = [list(line.tickets) for line in waiting]
    offer(asking, waiting)
    assert [list(line.tickets) for line in waiting] == before
