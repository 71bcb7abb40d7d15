"""The simulated center, small: what due first promises, checked for every ticket that came."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random

import pytest

from bench.simulation.center import KINDS, Center, Member, busy_center
from bench.simulation.clock import DUE_FIRST, FIRST_COME, ORDERS, STRICT_PRIORITY, Answered, simulate
from bench.simulation.report import BELOW, RUSHES, by_kind, of_rushes, simulated
from router.domain.agent import Agent
from router.domain.profile import Profile
from router.domain.ticket import TicketId
from router.policy.model import QueueMode
from router.policy.parse import parse_policy

AGENTS = 5
EQUAL = Center(
    policy=parse_policy("""
teams:
  everybody: {takes: any}
queues:
  all: {team: everybody}
tiers: {vip: []}
routes:
  - {name: complex, when: {complexity: complex}, queue: all, target: 8h}
  - {name: vip, when: {tier: vip}, queue: all, target: 1h}
  - {name: chat, when: {channel: chat}, queue: all, target: 60s}
  - {name: short, when: {channel: [sms, social]}, queue: all, target: 15m}
  - {name: mail, queue: all, target: 4h}
assignment:
  capacity: {limit: 1}
triage: {bias: 0}
"""),
    staff=[
        Member(profile=Profile(name=f"agent-{number}", teams=frozenset({"everybody"})), starts_at=starts_at)
        for starts_at in (0, 8, 16)
        for number in range(AGENTS)
    ],
    kinds=KINDS,
    hours=(1,) * 8 + (3,) * 8 + (1,) * 8,
)
"""Five equal agents at any time, with one ticket each, and three times as much to do by day as by night."""
SHORTEST = timedelta(seconds=60)


@pytest.fixture(scope="module", params=[0.7, 1.1], ids=["below full load", "above full load"])
def of_equal_agents(request: pytest.FixtureRequest) -> Sequence[Answered]:
    arrivals = EQUAL.arrivals(days=7, load=[request.param], random=Random(3))
    return simulate(EQUAL, arrivals, ORDERS[DUE_FIRST], Random(3))


def test_a_ticket_is_passed_only_by_what_is_due_before_it(of_equal_agents: Sequence[Answered]) -> None:
    for answer, passed_by in given_during_the_wait(of_equal_agents):
        assert all(due(other) < due(answer) for other in passed_by)


def test_nothing_that_comes_less_than_the_shortest_target_before_a_ticket_is_due_passes_it(
    of_equal_agents: Sequence[Answered],
) -> None:
    for answer, passed_by in given_during_the_wait(of_equal_agents):
        closed_at = max(answer.wait.due_at - SHORTEST, answer.arrival.at)
        assert all(other.arrival.at <= closed_at for other in passed_by)


def test_no_wait_is_longer_than_the_agents_take_for_what_is_in_their_hands_and_what_is_due_before(
    of_equal_agents: Sequence[Answered],
) -> None:
    for answer, passed_by in given_during_the_wait(of_equal_agents):
        work = in_hand(of_equal_agents, answer.arrival.at) + sum((other.arrival.handle for other in passed_by), ZERO)
        assert AGENTS * answer.waited <= work


def test_an_agent_is_given_what_is_due_first_of_all_that_the_agent_may_take() -> None:
    center = busy_center()
    people = [
        Agent(id=number, name="", teams=member.profile.teams, skills=member.profile.skills.words())
        for number, member in enumerate(center.staff, start=1)
    ]
    pulled = [
        answer
        for answer in simulated(DUE_FIRST, [0.9], days=5)
        if center.policy.queues[answer.wait.requirement.queue].mode is QueueMode.PULL
    ]
    for answer, waiting in still_waiting(pulled):
        agent = people[answer.agent_id - 1]
        # where a relaxed one waited at this moment, it no longer says; here everything weighs the same, so all fits
        rivals = [other for other in waiting if not other.wait.relaxed and agent.may_take(other.wait.requirement)]
        assert all(due(answer) < due(other) for other in rivals)


def test_no_class_starves_below_full_load() -> None:
    answers = simulated(DUE_FIRST, BELOW, days=14)

    assert max(answer.answered_at - answer.wait.due_at for answer in answers) < timedelta(days=1)
    assert {kind: waits.in_time > 0.6 for kind, waits in by_kind(answers).items()} == dict.fromkeys(NAMES, True)


def test_in_a_rush_first_come_lets_short_targets_pay_and_strict_priority_the_longest() -> None:
    fared = {order: by_kind(of_rushes(simulated(order, RUSHES, days=14))) for order in ORDERS}

    assert (
        fared[FIRST_COME]["short"].in_time < fared[DUE_FIRST]["short"].in_time < fared[STRICT_PRIORITY]["short"].in_time
    )
    assert fared[STRICT_PRIORITY]["complex"].longest > 2 * fared[DUE_FIRST]["complex"].longest


def test_everything_that_comes_is_answered_once_whatever_the_order() -> None:
    came = list(busy_center().arrivals(days=3, load=BELOW, random=Random(5)))

    for order in ORDERS:
        answered = simulated(order, BELOW, days=3, seed=5)
        assert sorted((answer.arrival for answer in answered), key=attrgetter("at")) == came


def test_the_seed_decides_everything() -> None:
    assert simulated(DUE_FIRST, BELOW, days=3, seed=5) == simulated(DUE_FIRST, BELOW, days=3, seed=5)
    assert simulated(DUE_FIRST, BELOW, days=3, seed=5) != simulated(DUE_FIRST, BELOW, days=3, seed=6)


NAMES = [kind.name for kind in KINDS]
ZERO = timedelta()


def due(answer: Answered) -> tuple[datetime, TicketId]:
    return answer.wait.due_at, answer.id


def given_during_the_wait(answers: Sequence[Answered]) -> Iterator[tuple[Answered, Sequence[Answered]]]:
    """Each ticket with those that were given to somebody while it waited."""
    for place, answer in enumerate(answers):
        yield answer, answers[bisect_left(answers, answer.arrival.at, key=attrgetter("given_at")) : place]


def still_waiting(answers: Sequence[Answered]) -> Iterator[tuple[Answered, Sequence[Answered]]]:
    """Each ticket with those that still waited when it was given to somebody."""
    coming = sorted(answers, key=attrgetter("arrival.at"), reverse=True)
    waiting: dict[TicketId, Answered] = {}
    for answer in answers:
        while coming and coming[-1].arrival.at <= answer.given_at:
            come = coming.pop()
            waiting[come.id] = come
        del waiting[answer.id]
        yield answer, list(waiting.values())


def in_hand(answers: Sequence[Answered], now: datetime) -> timedelta:
    """What was left of the work in the agents' hands."""
    begun = answers[: bisect_left(answers, now, key=attrgetter("given_at"))]
    ends = (answer.answered_at + answer.arrival.handle for answer in begun)
    return sum((end - now for end in ends if end > now), ZERO)
