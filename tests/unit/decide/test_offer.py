"""Who is given which ticket, on plain data."""

from collections import Counter
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decide.offer import Asking, Head, depths, offer


def waiting(**groups: list[int]) -> list[Head]:
    """Tickets by group (`g1=[5, 9]`), due in the order of their numbers."""
    return sorted(((int(name[1:]), n) for name, tickets in groups.items() for n in tickets), key=itemgetter(1))


@pytest.mark.parametrize(
    ("asking", "heads", "expected"),
    [
        pytest.param([], waiting(g1=[1]), {}, id="nobody asks"),
        pytest.param([Asking(7, [1])], [], {}, id="nothing waits"),
        pytest.param([Asking(7, [1])], waiting(g1=[]), {}, id="an empty line"),
        pytest.param([Asking(7, [])], waiting(g1=[1]), {}, id="an agent without groups"),
        pytest.param([Asking(7, [2])], waiting(g1=[1], g2=[5]), {7: 5}, id="other groups are not the agent's"),
        pytest.param([Asking(7, [1, 2])], waiting(g1=[5], g2=[1]), {7: 1}, id="due first of all groups"),
        pytest.param([Asking(9, [1]), Asking(7, [1])], waiting(g1=[1, 2]), {9: 1, 7: 2}, id="in order of arrival"),
        pytest.param([Asking(7, [1]), Asking(8, [1])], waiting(g1=[1]), {7: 1}, id="who came last goes without"),
        pytest.param([Asking(7, [1]), Asking(8, [1, 2])], waiting(g1=[1], g2=[9]), {7: 1, 8: 9}, id="the next best"),
    ],
)
def test_offer(asking, heads, expected):
    assert {match.agent_id: match.ticket_id for match in offer(asking, heads)} == expected


GROUPS = st.integers(1, 5)


SITUATIONS = st.tuples(
    st.lists(st.lists(GROUPS, unique=True), max_size=12).map(
        lambda groups: [Asking(agent_id, mine) for agent_id, mine in enumerate(groups)]
    ),
    st.lists(GROUPS, max_size=40).map(lambda groups: [(group, ticket_id) for ticket_id, group in enumerate(groups)]),
)


@given(SITUATIONS)
def test_no_ticket_and_no_agent_is_matched_twice(situation):
    matches = offer(*situation)
    assert all(count == 1 for count in Counter(match.agent_id for match in matches).values())
    assert all(count == 1 for count in Counter(match.ticket_id for match in matches).values())


@given(SITUATIONS)
def test_each_agent_in_turn_gets_the_first_of_what_is_left_to_them(situation):
    asking, heads = situation
    given_to = {match.agent_id: match.ticket_id for match in offer(asking, heads)}
    left = list(heads)
    for agent in asking:
        first = next((head for head in left if head[0] in agent.groups), None)
        assert given_to.get(agent.agent_id) == (first[1] if first else None)
        left = [head for head in left if head != first]


@given(SITUATIONS)
def test_with_as_many_heads_as_the_depths_say_nobody_goes_without_while_something_is_left(situation):
    asking, heads = situation
    deep_enough = [head for n, head in enumerate(heads) if place_in_group(heads, n) < depths(asking).get(head[0], 0)]
    assert offer(asking, deep_enough) == offer(asking, heads)


def place_in_group(heads: list[Head], n: int) -> int:
    return sum(head[0] == heads[n][0] for head in heads[:n])
