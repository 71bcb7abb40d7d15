"""Who is offered which ticket of a push queue, on plain data."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decide.dispatch import Candidate, Moment, Waiting, confirm, dispatch
from router.domain.agent import Presence, Status
from router.domain.capacity import Capacity
from router.domain.eligibility import Obstacle
from router.policy.model import OfferRule, OfferTo

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MOMENT = Moment(now=NOW, grace=timedelta(seconds=90))
RULES = {
    "live": OfferRule(to=OfferTo.LONGEST_IDLE, lasts=timedelta(seconds=20)),
    "even": OfferRule(to=OfferTo.LEAST_LOADED, lasts=timedelta(seconds=20)),
}


def an_agent(
    number: int,
    *,
    idle_s: float = 0,
    seen_s: float = 0,
    status: Status = Status.AVAILABLE,
    groups: tuple[int, ...] = (1,),
    held: dict[str, int] | None = None,
    limit: int = 1,
    is_draining: bool = False,
    may_be_offered: int = 100,
) -> Candidate:
    seen_at = NOW - timedelta(seconds=seen_s)
    return Candidate(
        agent_id=number,
        groups=frozenset(groups),
        presence=Presence(status=status, reason=None, since=seen_at, seen_at=seen_at),
        idle_since=NOW - timedelta(seconds=idle_s),
        capacity=Capacity(limit=limit, weights={}, most={}),
        held=held or {},
        is_draining=is_draining,
        may_be_offered=may_be_offered,
    )


def a_ticket(number: int = 100, *, group: int = 1, queue: str = "live", reserved_for=None, refused_by=()) -> Waiting:
    return Waiting(
        ticket_id=number,
        group=group,
        queue=queue,
        channel="chat",
        reserved_for=reserved_for,
        refused_by=frozenset(refused_by),
    )


FULL = {"chat": 1}


@pytest.mark.parametrize(
    ("candidates", "line", "expected"),
    [
        pytest.param([], [a_ticket()], {}, id="nobody is there"),
        pytest.param([an_agent(1)], [], {}, id="nothing waits"),
        pytest.param([an_agent(1)], [a_ticket()], {100: 1}, id="the only one"),
        pytest.param([an_agent(1, groups=(2,))], [a_ticket()], {}, id="other groups are not the agent's"),
        pytest.param([an_agent(1, status=Status.BUSY)], [a_ticket()], {}, id="not available"),
        pytest.param([an_agent(1, seen_s=90)], [a_ticket()], {100: 1}, id="live to the end of the grace time"),
        pytest.param([an_agent(1, seen_s=90.1)], [a_ticket()], {}, id="lease over"),
        pytest.param([an_agent(1, is_draining=True)], [a_ticket()], {}, id="draining"),
        pytest.param([an_agent(1, held=FULL)], [a_ticket()], {}, id="no room"),
        pytest.param([an_agent(1)], [a_ticket(100), a_ticket(101)], {100: 1}, id="room for one, due first"),
        pytest.param([an_agent(1, limit=2)], [a_ticket(100), a_ticket(101)], {100: 1, 101: 1}, id="room for two"),
        pytest.param([an_agent(1, idle_s=5), an_agent(2, idle_s=9)], [a_ticket()], {100: 2}, id="longest idle"),
        pytest.param(
            [an_agent(1, idle_s=5, limit=2), an_agent(2, idle_s=9, limit=2)],
            [a_ticket(100), a_ticket(101), a_ticket(102)],
            {100: 2, 101: 1, 102: 2},
            id="whoever was given something comes after who was not",
        ),
        pytest.param(
            [an_agent(1, idle_s=9, limit=4, held={"chat": 3}), an_agent(2, limit=8, held={"chat": 4})],
            [a_ticket(queue="even")],
            {100: 2},
            id="least loaded for what they can carry",
        ),
        pytest.param(
            [an_agent(1, idle_s=9), an_agent(2)], [a_ticket(refused_by=[1])], {100: 2}, id="not again to who refused"
        ),
        pytest.param(
            [an_agent(1), an_agent(2, status=Status.AWAY), an_agent(3, held=FULL)],
            [a_ticket(refused_by=[1])],
            {100: 1},
            id="again to who refused if nobody else is there with room",
        ),
        pytest.param(
            [an_agent(1, idle_s=9), an_agent(2)], [a_ticket(reserved_for=2)], {100: 2}, id="reserved for one agent"
        ),
        pytest.param(
            [an_agent(1), an_agent(2, held=FULL)], [a_ticket(reserved_for=2)], {}, id="reserved for one without room"
        ),
        pytest.param([an_agent(1)], [a_ticket(reserved_for=2)], {}, id="reserved for one who is not there"),
        pytest.param(
            [an_agent(1, groups=(2,), limit=2), an_agent(2, groups=(2,))],
            [a_ticket(100, reserved_for=1), a_ticket(101)],
            {100: 1},
            id="what is reserved asks for no skills of its agent",
        ),
        pytest.param(
            [an_agent(1, groups=(2,)), an_agent(2, groups=(1, 2), held=FULL)],
            [a_ticket(100), a_ticket(101, group=2)],
            {101: 1},
            id="a group without agents holds up no other",
        ),
        pytest.param(
            [an_agent(1, held=FULL), an_agent(2)],
            [a_ticket(100, reserved_for=1), a_ticket(101)],
            {101: 2},
            id="what is reserved holds up nobody else's",
        ),
    ],
)
def test_who_is_offered_what(candidates, line, expected):
    assert {offer.waiting.ticket_id: offer.agent_id for offer in dispatch(candidates, line, RULES, MOMENT)} == expected


def test_an_offer_says_of_every_other_candidate_the_first_rule_that_spoke_against_them():
    candidates = [
        an_agent(1, idle_s=9),
        an_agent(2),
        an_agent(3, status=Status.AWAY, held=FULL),
        an_agent(4, seen_s=100),
        an_agent(5, is_draining=True),
        an_agent(6, held=FULL),
        an_agent(7, idle_s=99),
    ]
    [offer] = dispatch(candidates, [a_ticket(refused_by=[7])], RULES, MOMENT)
    assert offer.agent_id == 1
    assert offer.why_not == {
        2: Obstacle.NOT_FIRST,
        3: Obstacle.NOT_AVAILABLE,
        4: Obstacle.LEASE_OVER,
        5: Obstacle.DRAINING,
        6: Obstacle.NO_ROOM,
        7: Obstacle.REFUSED,
    }


@pytest.mark.parametrize(
    ("now", "confirmed"),
    [
        pytest.param(an_agent(1, limit=2), [100, 101], id="nothing has changed"),
        pytest.param(an_agent(1, limit=2, held=FULL), [100], id="room for one less"),
        pytest.param(an_agent(1, limit=2, status=Status.AWAY), [], id="gone away"),
        pytest.param(an_agent(1, limit=2, groups=(2,)), [], id="moved to other groups"),
    ],
)
def test_only_what_still_holds_for_the_locked_agents_is_confirmed(now, confirmed):
    planned = dispatch([an_agent(1, limit=2)], [a_ticket(100), a_ticket(101, refused_by=[1])], RULES, MOMENT)
    assert [offer.waiting.ticket_id for offer in confirm(planned, [now], MOMENT)] == confirmed


def test_who_has_disappeared_is_confirmed_nothing():
    assert confirm(dispatch([an_agent(1)], [a_ticket()], RULES, MOMENT), [], MOMENT) == []


GROUPS = st.sets(st.integers(1, 3), max_size=3).map(tuple)
AGENTS = st.builds(
    an_agent,
    st.integers(1, 99),
    idle_s=st.integers(0, 9),
    seen_s=st.sampled_from([0, 0, 100]),
    status=st.sampled_from([Status.AVAILABLE, Status.AVAILABLE, Status.BUSY]),
    groups=GROUPS,
    held=st.dictionaries(st.just("chat"), st.integers(0, 2)),
    limit=st.integers(0, 4),
)
TICKETS = st.builds(
    a_ticket,
    st.integers(100, 199),
    group=st.integers(1, 3),
    queue=st.sampled_from(sorted(RULES)),
    reserved_for=st.none() | st.integers(1, 5),
    refused_by=st.sets(st.integers(1, 5)),
)


@given(
    st.lists(AGENTS, max_size=8, unique_by=lambda agent: agent.agent_id),
    st.lists(TICKETS, max_size=20, unique_by=lambda ticket: ticket.ticket_id),
)
def test_no_offer_breaks_a_rule_and_nothing_offerable_is_left(candidates, line):
    agents = {agent.agent_id: agent for agent in candidates}
    offers = dispatch(candidates, line, RULES, MOMENT)
    held = {agent.agent_id: agent.held.get("chat", 0) for agent in candidates}
    for offer in offers:
        agent = agents[offer.agent_id]
        held[agent.agent_id] += 1
        assert held[agent.agent_id] <= agent.capacity.limit
        assert is_here(agent)
        assert is_for(agent, offer.waiting)
    taken = {offer.waiting.ticket_id for offer in offers}
    for ticket in line:
        if ticket.ticket_id not in taken:
            assert not any(
                is_for(agent, ticket) and is_here(agent) and held[agent.agent_id] < agent.capacity.limit
                for agent in candidates
            )


def is_here(agent: Candidate) -> bool:
    return agent.presence.status is Status.AVAILABLE and agent.presence.is_live(MOMENT.now, MOMENT.grace)


def is_for(agent: Candidate, ticket: Waiting) -> bool:
    """Whether the ticket is reserved for the agent, or anybody's with the right skills."""
    return ticket.group in agent.groups if ticket.reserved_for is None else ticket.reserved_for == agent.agent_id


@pytest.mark.parametrize("at_once", [0, 1, 2])
def test_an_agent_has_no_more_offers_to_answer_than_they_may(at_once: int):
    candidates = [an_agent(1, limit=9, may_be_offered=at_once)]
    offers = dispatch(candidates, [a_ticket(number) for number in (100, 101, 102)], RULES, MOMENT)
    assert [offer.waiting.ticket_id for offer in offers] == [100, 101, 102][:at_once]
    assert confirm(offers, [an_agent(1, limit=9, may_be_offered=0)], MOMENT) == []
