"""What a policy file says of agents, offers and long waits, and what holds where it says nothing."""

from datetime import timedelta
from pathlib import Path

import pytest

from router.domain.capacity import Capacity
from router.files.checked import FileError
from router.policy.model import OfferRule, OfferTo, Policy, Queue, QueueMode, RelaxStep
from router.policy.parse import parse_policy

GOOD = (Path(__file__).parents[3] / "tests/policies/good.yaml").read_text()
GERMAN = ("german:3", "language:de")


def the_general_queue(fields: str) -> Queue:
    return parse_policy(GOOD.replace("{team: frontline}", f"{{team: frontline, {fields}}}")).queues["general"]


def steps_of(relax: str) -> tuple[RelaxStep, ...]:
    """What the route for complex queries relaxes; it asks for `GERMAN` and has a target of eight hours."""
    fields = f"skills: [{', '.join(GERMAN)}], relax: {relax}"
    return parse_policy(GOOD.replace("queue: expert,", f"queue: expert, {fields},")).routes[0].relax


def with_assignment(fields: str) -> Policy:
    return parse_policy(f"{GOOD}assignment: {{{fields}}}\n")


def test_a_file_without_assignment_has_ninety_seconds_of_grace_and_room_for_ten():
    assignment = parse_policy(GOOD).assignment
    assert assignment.grace == timedelta(seconds=90)
    assert assignment.capacity == Capacity(limit=10, weights={}, most={})
    assert assignment.reasons == {}
    assert assignment.away_after_missed == 2


def test_grace_reasons_and_missed_offers_are_as_written():
    assignment = with_assignment(
        "grace: 2m, reasons: {away: [lunch, training], busy: call}, away_after_missed: 0"
    ).assignment
    assert assignment.grace == timedelta(minutes=2)
    assert assignment.reasons == {"away": ("lunch", "training"), "busy": ("call",)}
    assert assignment.away_after_missed == 0


def test_capacity_is_by_channel():
    written = "capacity: {limit: 12, weights: {email: 2, chat: 3}, most: {chat: 3, sms: 0}, interruptible: email}"
    assert with_assignment(written).assignment.capacity == Capacity(
        limit=12,
        weights={"email": 2, "chat": 3},
        most={"chat": 3, "sms": 0},
        interruptible=frozenset({"email"}),
    )


def test_a_queue_waits_to_be_asked_and_has_no_wrap_up_unless_the_file_says_so():
    queue = parse_policy(GOOD).queues["general"]
    assert queue.mode is QueueMode.PULL
    assert (queue.cherry_pick, queue.wrap_up, queue.abandon) == (False, timedelta(0), False)


@pytest.mark.parametrize(
    ("written", "offer"),
    [
        ("mode: push", OfferRule(to=OfferTo.LONGEST_IDLE, lasts=timedelta(seconds=20))),
        ("mode: push, offer: {for: 45s}", OfferRule(to=OfferTo.LONGEST_IDLE, lasts=timedelta(seconds=45))),
        ("mode: push, offer: {to: least-loaded}", OfferRule(to=OfferTo.LEAST_LOADED, lasts=timedelta(seconds=20))),
    ],
)
def test_a_push_queue_offers_to_the_longest_idle_for_twenty_seconds_unless_the_file_says_so(
    written: str, offer: OfferRule
):
    queue = the_general_queue(written)
    assert queue.mode is QueueMode.PUSH
    assert queue.offer == offer


def test_cherry_picking_wrap_up_and_abandoning_are_as_written():
    queue = the_general_queue("cherry_pick: true, wrap_up: 60s, abandon: true")
    assert (queue.cherry_pick, queue.wrap_up, queue.abandon) == (True, timedelta(minutes=1), True)


def test_a_route_relaxes_nothing_unless_the_file_says_so():
    assert [route.relax for route in parse_policy(GOOD).routes] == [(), ()]


def test_the_steps_of_a_long_wait_are_in_the_order_of_time():
    written = "[{after: 10m, drop_skills: 'german:3'}, {after: 20m, drop_skills: true}, {after: 1h, target: 5m}]"
    assert steps_of(written) == (
        RelaxStep(after=timedelta(minutes=10), drop_skills=("german:3",)),
        RelaxStep(after=timedelta(minutes=20), drop_skills=None),
        RelaxStep(after=timedelta(hours=1), target=timedelta(minutes=5)),
    )


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        ("drop_skills: true", ()),
        ("drop_skills: 'german:3'", ("language:de",)),
        ("drop_skills: ['language:de', 'german:3']", ()),
        ("target: 5m", GERMAN),
    ],
)
def test_a_step_drops_the_skills_it_names_and_keeps_the_others(step: str, kept: tuple[str, ...]):
    [only] = steps_of(f"[{{after: 10m, {step}}}]")
    assert only.keep(GERMAN) == kept


OVERFLOWING = GOOD.replace("queue: expert,", "queue: expert, relax: [{after: 1h, queue: helpers}],").replace(
    "  general:", "  helpers: {team: helpers}\n  general:"
)


@pytest.mark.parametrize(
    ("helpers_take", "overflow_to", "is_allowed"),
    [
        ("any", "[helpers]", True),
        ("complex", "[helpers, frontline]", True),
        ("simple", "[helpers]", False),
        ("any", "[frontline]", False),
        ("any", "[]", False),
    ],
)
def test_a_ticket_overflows_only_to_a_team_that_its_own_names_and_that_takes_it(
    helpers_take: str, overflow_to: str, is_allowed: bool
):
    teams = f"{{takes: complex, overflow_to: {overflow_to}}}\n  helpers: {{takes: {helpers_take}}}"
    text = OVERFLOWING.replace("{takes: complex}", teams)
    if is_allowed:
        assert parse_policy(text).routes[0].relax[0].queue == "helpers"
    else:
        with pytest.raises(FileError, match="'helpers'") as refused:
            parse_policy(text)
        assert len(refused.value.problems) == 1
