"""What keeps an agent from a ticket, rule by rule, in words."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from router.domain.agent import Agent, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.eligibility import Asked, Obstacle, Refusal, Standing
from router.domain.wait import Requirement
from router.flow.see.obstacles import IN_NO_TEAM, why_not, why_nothing
from tests.making.moments import NOON

GRACE = timedelta(seconds=90)
GRACE_HOPPER = Agent(
    id=AgentId(1), name="Grace", teams=frozenset({"frontline"}), skills=frozenset({"german", "german:1"})
)
PRESENT = Presence(status=Status.AVAILABLE, reason=None, since=NOON, seen_at=NOON)
ABLE = Standing(
    agent=GRACE_HOPPER,
    is_retired=False,
    is_draining=False,
    presence=PRESENT,
    capacity=Capacity(limit=10, weights={"chat": 3}, most={"chat": 2, "sms": 1}),
    held={"email": 7},
)
ASKED = Asked(
    requirement=Requirement(queue="live", team="frontline", skills=("german",), channel="chat"),
    is_offered=True,
    now=NOON,
    grace=GRACE,
)


def asking(**changes: Any) -> Asked:
    return replace(ASKED, **changes)


def requiring(**changes: Any) -> Asked:
    return asking(requirement=replace(ASKED.requirement, **changes))


def present(**changes: Any) -> Presence:
    return replace(PRESENT, **changes)


def test_nothing_keeps_an_agent_who_fits():
    assert why_not(ABLE, ASKED) is None


@pytest.mark.parametrize(
    ("changes", "asked", "why"),
    [
        ({"is_retired": True}, ASKED, "is retired"),
        ({"is_draining": True}, ASKED, "is draining and gets nothing new"),
        ({}, requiring(team="specialists"), "is not in team specialists"),
        ({}, requiring(skills=("german:2", "language:de")), "lacks german:2, language:de"),
        ({}, asking(reserved_for=AgentId(2)), "is not the agent that the ticket is reserved for"),
        ({"presence": None}, ASKED, "has declared no status"),
        ({"presence": present(status=Status.AWAY, reason="lunch")}, ASKED, "is away (lunch)"),
        ({"presence": present(status=Status.OFFLINE)}, ASKED, "is offline"),
        ({}, asking(now=NOON + 2 * GRACE), "was last heard from at 2026-03-02 12:00:00 UTC"),
        ({"held": {"email": 8}}, ASKED, "has no room: carries 8 of 10, and chat weighs 3"),
        ({"held": {"chat": 2}}, ASKED, "has no room: holds 2 of chat, and the most is 2"),
        (
            {"held": {"chat": 1}, "capacity": Capacity(limit=1, weights={}, most={})},
            ASKED,
            "has no room: carries 1 of 1, and chat weighs 1",
        ),
        (
            {"refusal": Refusal.DECLINED},
            ASKED,
            "declined it in this wait, and is asked again only if nobody else can take it",
        ),
        (
            {"refusal": Refusal.EXPIRED},
            ASKED,
            "let the offer expire in this wait, and is asked again only if nobody else can take it",
        ),
    ],
)
def test_what_keeps_an_agent_from_a_ticket_is_said_in_words(changes: dict[str, Any], asked: Asked, why: str):
    assert why_not(replace(ABLE, **changes), asked) == why


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"refusal": Refusal.DECLINED}, asking(is_offered=False)),
        ({}, asking(reserved_for=GRACE_HOPPER.id)),
        ({}, replace(requiring(skills=("french",)), reserved_for=GRACE_HOPPER.id)),
        ({}, asking(now=NOON + GRACE)),
        ({"held": {"email": 7, "sms": 0}}, ASKED),
    ],
)
def test_what_is_no_obstacle(changes: dict[str, Any], asked: Asked):
    assert why_not(replace(ABLE, **changes), asked) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Obstacle.RETIRED, "You are retired, so you get no more tickets."),
        (Obstacle.NOT_ELIGIBLE, IN_NO_TEAM),
        (
            Obstacle.DRAINING,
            "You are draining: finish what you hold. You get nothing new until a lead or an admin ends it.",
        ),
        (Obstacle.NOT_AVAILABLE, "Your status is away: set it to available to get tickets."),
    ],
)
def test_who_is_given_nothing_is_told_why(found: Obstacle, told: str):
    assert why_nothing(found, Status.AWAY) == told
