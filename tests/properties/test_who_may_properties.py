"""Push, pull and `why` agree about every agent and ticket.

What the stores read is imitated here as simply as it can be said; `tests/integration/test_who_may.py` compares the
stores themselves.
"""

from collections import ChainMap
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from router.decide.claim import Asking, Readiness, assign
from router.decide.dispatch import Candidate, Moment, Waiting, dispatch
from router.domain.agent import Agent, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.eligibility import Asked, Obstacle, Refusal, Standing, obstacle
from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.flow.see.obstacles import why_not
from router.policy.model import OfferRule, OfferTo
from tests.making.moments import NOON

GRACE = timedelta(seconds=90)
MOMENT = Moment(now=NOON, grace=GRACE)
RULE = OfferRule(to=OfferTo.LONGEST_IDLE, lasts=timedelta(seconds=20))
ME, ANOTHER = AgentId(1), AgentId(2)
TICKET, GROUP = TicketId(7), 1
GRACE_HOPPER = Agent(
    id=ME, name="Grace", teams=frozenset({"frontline", "specialists"}), skills=frozenset({"german", "french"})
)
PRESENT = Presence(status=Status.AVAILABLE, reason=None, since=NOON, seen_at=NOON)
ABLE = Standing(
    agent=GRACE_HOPPER,
    is_retired=False,
    is_draining=False,
    presence=PRESENT,
    capacity=Capacity(limit=4, weights={"chat": 2}, most={"email": 2}),
    held={},
)
TICKET_ASKS = Asked(
    requirement=Requirement(queue="live", team="frontline", skills=("german",), channel="chat"),
    is_offered=True,
    now=NOON,
    grace=GRACE,
)
OF_AGENT: list[dict[str, Any]] = [
    {"is_retired": True},
    {"agent": replace(GRACE_HOPPER, teams=frozenset({"specialists"}))},
    {"agent": replace(GRACE_HOPPER, teams=frozenset())},
    {"agent": replace(GRACE_HOPPER, skills=frozenset({"german"}))},
    {"agent": replace(GRACE_HOPPER, skills=frozenset())},
    {"is_draining": True},
    {"presence": None},
    *({"presence": replace(PRESENT, status=status)} for status in Status),
    {"presence": replace(PRESENT, seen_at=NOON - GRACE)},
    {"presence": replace(PRESENT, seen_at=NOON - GRACE - timedelta(seconds=1))},
    {"held": {"email": 2}},
    {"held": {"email": 1, "chat": 1}},
    {"held": {"chat": 2}},
    *({"refusal": refusal} for refusal in Refusal),
]
OF_TICKET: list[dict[str, Any]] = [
    {"reserved_for": ME},
    {"reserved_for": ANOTHER},
    {"requirement": replace(TICKET_ASKS.requirement, team="specialists")},
    {"requirement": replace(TICKET_ASKS.requirement, skills=("german", "french"))},
    {"requirement": replace(TICKET_ASKS.requirement, skills=(), channel="email")},
]

standings = st.lists(st.sampled_from(OF_AGENT), max_size=3).map(lambda some: replace(ABLE, **dict(ChainMap(*some))))
tickets = st.lists(st.sampled_from(OF_TICKET), max_size=2).map(
    lambda some: replace(TICKET_ASKS, **dict(ChainMap(*some)))
)
often = settings(max_examples=500, deadline=None)


@often
@given(standings, tickets)
def test_push_offers_a_ticket_exactly_when_why_finds_no_obstacle_but_a_refusal_if_nobody_else_is_there(
    standing: Standing, asked: Asked
):
    found = obstacle(standing, asked)
    event(str(found))
    is_offered = bool(dispatch(candidates(standing, asked), [waiting(standing, asked)], {"live": RULE}, MOMENT))
    assert is_offered is (found in {None, Obstacle.REFUSED})


@often
@given(standings, tickets)
def test_an_offer_to_somebody_else_names_the_obstacle_that_why_finds(standing: Standing, asked: Asked):
    asked = replace(asked, reserved_for=None)  # only its agent is asked about a reserved ticket
    line = [waiting(standing, asked)]
    others = candidates(standing, asked)
    [made] = dispatch([a_rival(), *others], line, {"live": RULE}, MOMENT)
    named = obstacle(standing, asked) or Obstacle.NOT_FIRST
    event(named if others else "is no candidate")
    assert (made.agent_id, made.why_not) == (ANOTHER, {other.agent_id: named for other in others})


@often
@given(standings, tickets)
def test_pull_gives_a_ticket_exactly_when_why_finds_no_obstacle_once_the_agent_asks(standing: Standing, asked: Asked):
    found = obstacle(once_they_ask(standing), in_a_pull_queue(asked))
    event(str(found))
    assert is_given(standing, asked) is (found is None)


@often
@given(standings, tickets)
def test_pull_refuses_an_agent_for_what_why_finds_or_before_it_looks_at_the_ticket(standing: Standing, asked: Asked):
    told = readiness(standing).obstacle
    found = obstacle(once_they_ask(standing), in_a_pull_queue(asked))
    event(f"{told}, {found}")
    order = list(Obstacle)
    # pull refuses before it looks at a ticket: only what the ticket asks for can come before
    assert told is None or found is told or found in {Obstacle.NOT_ELIGIBLE, Obstacle.RESERVED}
    assert told is None or order.index(found) <= order.index(told)


@often
@given(standings, tickets)
def test_every_obstacle_has_words(standing: Standing, asked: Asked):
    assert bool(why_not(standing, asked)) is (obstacle(standing, asked) is not None)


def once_they_ask(standing: Standing) -> Standing:
    """Asking for a ticket is a sign of life, and the first one of all makes an agent available."""
    return replace(standing, presence=replace(standing.presence or PRESENT, seen_at=NOON))


def in_a_pull_queue(asked: Asked) -> Asked:
    """Nothing is offered there, so no refusal counts."""
    return replace(asked, is_offered=False)


def groups(standing: Standing, asked: Asked) -> list[int]:
    return [GROUP] if standing.agent.may_take(asked.requirement) and not standing.is_retired else []


def is_reserved_in_own_team(standing: Standing, asked: Asked) -> bool:
    return asked.reserved_for == ME and asked.requirement.team in standing.agent.teams


def candidates(standing: Standing, asked: Asked) -> list[Candidate]:
    """The agent, if the store finds them for the ticket."""
    presence = standing.presence
    is_theirs = bool(groups(standing, asked)) or is_reserved_in_own_team(standing, asked)
    if presence is None or standing.is_retired or not is_theirs:
        return []
    return [
        Candidate(
            agent_id=ME,
            groups=frozenset(groups(standing, asked)),
            presence=presence,
            idle_since=NOON,
            capacity=standing.capacity,
            held=standing.held,
            is_draining=standing.is_draining,
        )
    ]


def a_rival() -> Candidate:
    """Somebody in the group who has been idle for longer."""
    return Candidate(
        agent_id=ANOTHER,
        groups=frozenset([GROUP]),
        presence=PRESENT,
        idle_since=NOON - timedelta(hours=1),
        capacity=Capacity(limit=99, weights={}, most={}),
        held={},
    )


def waiting(standing: Standing, asked: Asked) -> Waiting:
    return Waiting(
        ticket_id=TICKET,
        group=GROUP,
        queue=asked.requirement.queue,
        channel=asked.requirement.channel,
        reserved_for=asked.reserved_for,
        refused_by=frozenset([ME] if standing.refusal else []),
    )


def readiness(standing: Standing) -> Readiness:
    return Readiness(
        is_retired=standing.is_retired,
        is_in_a_team=bool(standing.agent.teams),
        is_draining=standing.is_draining,
        status=standing.presence.status if standing.presence else Status.AVAILABLE,
    )


def is_given(standing: Standing, asked: Asked) -> bool:
    """Whether the agent is given the ticket when they ask for the next one."""
    asking = Asking(ME, groups(standing, asked), standing.capacity, standing.held, readiness(standing))
    if asking.readiness.obstacle:
        return False
    is_read = asked.reserved_for is None or is_reserved_in_own_team(standing, asked)
    head = (GROUP, asked.reserved_for, asked.requirement.channel, TICKET)
    return bool(assign([asking], [head] if is_read else []))
