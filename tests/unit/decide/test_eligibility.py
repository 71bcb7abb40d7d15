"""What keeps an agent from a ticket, rule by rule."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from router.decide.eligibility import Asked, Refusal, Standing, why_not
from router.domain.agent import Agent, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.wait import Requirement
from router.policy.model import QueueMode
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
    mode=QueueMode.PUSH,
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
        ({"is_draining": True}, ASKED, "is draining, and is given nothing new"),
        ({}, requiring(team="specialists"), "is not in team specialists"),
        ({}, requiring(skills=("german:2", "language:de")), "lacks german:2, language:de"),
        ({}, asking(reserved_for=AgentId(2)), "is not the one whom the ticket is reserved for"),
        ({"presence": None}, ASKED, "has not been here yet"),
        ({"presence": present(status=Status.AWAY, reason="lunch")}, ASKED, "is away (lunch)"),
        ({"presence": present(status=Status.OFFLINE)}, ASKED, "is offline"),
        ({}, asking(now=NOON + 2 * GRACE), "was last heard of at 2026-03-02 12:00:00 UTC"),
        ({"held": {"email": 8}}, ASKED, "has no room: carries 8 of 10, and chat weighs 3"),
        ({"held": {"chat": 2}}, ASKED, "has no room: holds 2 of chat, and 2 is the most"),
        (
            {"refusal": Refusal.DECLINED},
            ASKED,
            "declined it in this wait, and is asked again only if nobody else can be",
        ),
        (
            {"refusal": Refusal.EXPIRED},
            ASKED,
            "let the offer expire in this wait, and is asked again only if nobody else can be",
        ),
    ],
)
def test_first_rule_that_an_agent_fails_is_said_in_words(changes: dict[str, Any], asked: Asked, why: str):
    assert why_not(replace(ABLE, **changes), asked) == why


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"refusal": Refusal.DECLINED}, asking(mode=QueueMode.PULL)),
        ({}, asking(reserved_for=GRACE_HOPPER.id)),
        ({}, replace(requiring(skills=("french",)), reserved_for=GRACE_HOPPER.id)),
        ({}, asking(now=NOON + GRACE)),
        ({"held": {"email": 7, "sms": 0}}, ASKED),
    ],
)
def test_what_is_no_obstacle(changes: dict[str, Any], asked: Asked):
    assert why_not(replace(ABLE, **changes), asked) is None


def test_who_fails_several_rules_is_told_the_first():
    absent = replace(ABLE, is_draining=True, presence=None, held={"chat": 2})
    assert why_not(absent, requiring(skills=("french",))) == "is draining, and is given nothing new"
    assert why_not(replace(absent, is_draining=False), requiring(skills=("french",))) == "lacks french"
