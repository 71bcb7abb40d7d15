"""Who is given which ticket, on plain data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.decide.claim import Asking, Head, assign, deeper, depths, emptied
from router.domain.capacity import Capacity

CARRIES_TEN = Capacity(limit=10, weights={"chat": 5}, most={"sms": 1})
FULL = {"email": 10}
CHANNELS = ("email", "chat", "sms")


def agent(agent_id: int, groups: Sequence[int], held: Mapping[str, int] | None = None) -> Asking:
    return Asking(agent_id, groups, CARRIES_TEN, held or {})


def waiting(*lines: int | str) -> list[Head]:
    """Tickets 1, 2, 3 … in due order, each of a group: `1` waits for everybody, `"1 for 7"` for one agent alone.

    Groups above 10 are chats, those above 20 SMS.
    """
    return [head(line, ticket_id) for ticket_id, line in enumerate(lines, start=1)]


def head(line: int | str, ticket_id: int) -> Head:
    group, _, agent_id = str(line).partition(" for ")
    return (int(group), int(agent_id) if agent_id else None, CHANNELS[int(group) // 10], ticket_id)


@pytest.mark.parametrize(
    ("asking", "heads", "expected"),
    [
        pytest.param([], waiting(1), {}, id="nobody asks"),
        pytest.param([agent(7, [1])], [], {}, id="nothing waits"),
        pytest.param([agent(7, [])], waiting(1), {}, id="an agent without groups"),
        pytest.param([agent(7, [2])], waiting(1, 2), {7: 2}, id="other groups are not the agent's"),
        pytest.param([agent(7, [2, 1])], waiting(1, 2), {7: 1}, id="due first of all groups"),
        pytest.param([agent(9, [1]), agent(7, [1])], waiting(1, 1), {9: 1, 7: 2}, id="in order of arrival"),
        pytest.param([agent(7, [1]), agent(8, [1])], waiting(1), {7: 1}, id="who came last goes without"),
        pytest.param([agent(7, [1]), agent(8, [1, 2])], waiting(1, 2), {7: 1, 8: 2}, id="the next best"),
        pytest.param([agent(7, [1], FULL)], waiting(1), {}, id="a full agent gets nothing"),
        pytest.param([agent(7, [1], FULL), agent(8, [1])], waiting(1), {8: 1}, id="a full agent keeps nobody waiting"),
        pytest.param([agent(7, [11, 1], {"email": 6})], waiting(11, 1), {7: 2}, id="what is too heavy is passed over"),
        pytest.param([agent(7, [11, 1], {"email": 5})], waiting(11, 1), {7: 1}, id="what just fits"),
        pytest.param([agent(7, [21, 1], {"sms": 1})], waiting(21, 1), {7: 2}, id="no more of one channel than allowed"),
        pytest.param([agent(7, [1])], waiting("1 for 8", 1), {7: 2}, id="reserved for somebody else"),
        pytest.param([agent(7, [])], waiting("1 for 7"), {7: 1}, id="reserved for the agent"),
        pytest.param([agent(7, [1])], waiting("1 for 7", 1), {7: 1}, id="a reserved ticket that is due first"),
        pytest.param([agent(7, [1])], waiting(1, "1 for 7"), {7: 1}, id="a reserved ticket that is due later"),
        pytest.param(
            [agent(7, [], {"email": 6})],
            waiting("11 for 7", "1 for 7"),
            {7: 2},
            id="a reserved ticket that does not fit",
        ),
        pytest.param([agent(7, [1], FULL)], waiting("1 for 7"), {}, id="a reserved ticket waits for a full agent"),
    ],
)
def test_offer(asking, heads, expected):
    assert {match.agent_id: match.ticket_id for match in assign(asking, heads)} == expected


def test_a_match_says_the_group_and_what_the_agent_carried():
    [match] = assign([agent(7, [11], {"email": 2, "sms": 1})], waiting(11))
    assert (match.group, match.load) == (11, 3)


@pytest.mark.parametrize(("held", "is_full"), [({}, False), ({"email": 9}, False), (FULL, True), ({"chat": 2}, True)])
def test_an_agent_is_full_when_nothing_fits(held, is_full):
    assert agent(7, [1], held).is_full is is_full


GROUPS = st.sampled_from([1, 2, 3, 11, 12, 21])
LINES = GROUPS | st.builds(lambda group, agent_id: f"{group} for {agent_id}", GROUPS, st.integers(0, 12))
HELD = st.dictionaries(st.sampled_from(CHANNELS), st.integers(1, 4), max_size=2)
AGENTS = st.lists(st.tuples(st.lists(GROUPS, unique=True), HELD), max_size=30).map(
    lambda agents: [agent(agent_id, groups, held) for agent_id, (groups, held) in enumerate(agents)]
)
SITUATIONS = st.tuples(AGENTS, st.lists(LINES, max_size=60).map(lambda lines: waiting(*lines)))


@given(SITUATIONS)
def test_no_ticket_and_no_agent_is_matched_twice(situation):
    matches = assign(*situation)
    assert all(count == 1 for count in Counter(match.agent_id for match in matches).values())
    assert all(count == 1 for count in Counter(match.ticket_id for match in matches).values())


@given(SITUATIONS)
def test_each_agent_in_turn_gets_the_first_that_fits_of_what_is_left_to_them(situation):
    asking, heads = situation
    given_to = {match.agent_id: match.ticket_id for match in assign(asking, heads)}
    left = list(heads)
    for agent in asking:
        first = next((head for head in left if may_have(agent, head)), None)
        assert given_to.get(agent.agent_id) == (first[-1] if first else None)
        left = [head for head in left if head != first]


def may_have(agent: Asking, head: Head) -> bool:
    group, reserved_for, channel, _ = head
    is_theirs = group in agent.groups if reserved_for is None else reserved_for == agent.agent_id
    return is_theirs and agent.has_room(channel)


FORTY_FOR_ONE_GROUP = ([agent(n, [1, *range(2, 10)]) for n in range(40)], waiting(*[1] * 50, *range(2, 10)))


@given(SITUATIONS)
@example(FORTY_FOR_ONE_GROUP)
def test_what_is_read_leads_to_the_same_matches_as_if_everything_had_been_read(situation):
    asking, heads = situation
    first = depths(asking)
    matches = assign(asking, read(heads, first))
    if more := deeper(asking, first, matches):
        matches = assign(asking, read(heads, {**first, **more}))
    assert matches == assign(asking, heads)


def test_groups_are_read_as_deep_as_they_may_be_emptied_and_others_not():
    asking, heads = FORTY_FOR_ONE_GROUP
    first = depths(asking)
    assert first[1] < 40
    assert deeper(asking, first, assign(asking, read(heads, first))) == {1: 40}


def test_what_was_emptied_once_is_read_in_full_the_next_time():
    asking, heads = FORTY_FOR_ONE_GROUP
    groups = emptied(asking, assign(asking, heads))
    assert groups == {1}
    assert depths(asking, in_full=groups) == {**depths(asking), 1: 40}
    assert emptied(asking, assign(asking, heads[-8:])) == set()


def test_one_group_is_read_once():
    asking = [agent(n, [1]) for n in range(200)]
    assert depths(asking) == {1: 200}


def read(heads: list[Head], depths: Mapping[int, int]) -> list[Head]:
    """As a store reads them: so many of each group, and everything that is reserved."""
    places = {group: count() for group in depths}
    return [
        head for head in heads if head[1] is not None or (head[0] in depths and next(places[head[0]]) < depths[head[0]])
    ]
