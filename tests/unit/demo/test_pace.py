"""A policy, hastened: the same rules on a quicker clock; and the shipped one, with its live queue offering tickets."""

from datetime import timedelta

from router.demo.pace import HASTE, hastened, with_offers
from router.policy.model import QueueMode
from router.policy.parse import parse_policy
from router.settings import default_policy_path

SHIPPED = default_policy_path().read_text()
TOO_CLOSE = """
teams: {one: {takes: any}}
queues: {all: {team: one}}
routes:
  - name: rest
    queue: all
    skills: [german]
    target: 4h
    relax: [{after: 30s, target: 10s}, {after: 31s, drop_skills: true}]
triage: {bias: 0}
"""


def test_every_target_is_shorter_and_a_second_at_least():
    shipped, quick = parse_policy(SHIPPED).routes, parse_policy(hastened(SHIPPED)).routes
    for slow, fast in zip(shipped, quick, strict=True):
        assert fast.target == timedelta(seconds=max(1, round(slow.target.total_seconds() / HASTE)))


def test_nothing_but_times_is_changed():
    lines = zip(SHIPPED.splitlines(), hastened(SHIPPED).splitlines(), strict=True)
    changed = [before.split(":")[0].strip() for before, after in lines if before != after]
    assert set(changed) == {"target", "sticky_for", "- {after"}


def test_a_policy_whose_times_would_contradict_each_other_stays_as_it_is():
    parse_policy(TOO_CLOSE)
    assert hastened(TOO_CLOSE) == TOO_CLOSE


def test_the_shown_policy_has_a_queue_that_offers_its_tickets():
    live = parse_policy(hastened(with_offers(SHIPPED))).queues["live"]
    assert (live.mode, live.abandon) == (QueueMode.PUSH, True)
    assert live.wrap_up == timedelta(seconds=60 / HASTE)
