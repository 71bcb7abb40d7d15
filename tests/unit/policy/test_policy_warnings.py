"""A policy file is warned about if a route takes messages from a later one with a tighter target."""

from pathlib import Path

import pytest

from router.policy.checks import warnings_of
from router.policy.parse import parse_policy

SHIPPED = Path(__file__).parents[3] / "deploy" / "policy.yaml"
POLICY = """
teams: {{all: {{takes: any}}}}
queues: {{all: {{team: all}}}}
tiers: {{vip: []}}
routes:
{routes}
  - {{name: rest, queue: all, target: 4h}}
triage: {{bias: 0}}
"""
GERMAN_2H, CHAT_1M = ("german", "{language: de}", "2h"), ("chat", "{channel: chat}", "1m")
GERMAN_CHAT = ("german-chat", "{language: de, channel: chat}", "2m")


def warnings(*routes: tuple[str, str, str]) -> list[str]:
    written = "\n".join(f"  - {{name: {name}, when: {when}, queue: all, target: {t}}}" for name, when, t in routes)
    return list(warnings_of(parse_policy(POLICY.format(routes=written))))


def test_the_shipped_policy_has_none():
    assert list(warnings_of(parse_policy(SHIPPED.read_text()))) == []


def test_the_place_the_other_route_and_both_targets_are_named():
    assert warnings(GERMAN_2H, CHAT_1M) == [
        (
            "routes[0] 'german': hides the tighter target of routes[1] 'chat': what both match is due in 2h, not 1m;"
            " add a route for both before it"
        )
    ]


@pytest.mark.parametrize(
    "routes",
    [
        [CHAT_1M, GERMAN_2H],
        [GERMAN_CHAT, GERMAN_2H, CHAT_1M],
        # the exception on purpose is the narrower one
        [("slow", "{channel: chat, language: de}", "2h"), CHAT_1M],
        # nothing matches both
        [("mail", "{channel: email}", "8h"), CHAT_1M],
        # complex queries never reach the later route
        [("complex", "{complexity: complex}", "8h"), CHAT_1M],
        # two earlier routes take everything between them
        [
            ("vip-chat", "{tier: vip, channel: chat}", "1m"),
            ("vip-sms", "{tier: vip, channel: sms}", "1m"),
            ("vip", "{tier: vip}", "8h"),
            ("short", "{channel: [chat, sms]}", "5m"),
        ],
    ],
)
def test_nothing_is_said_about_what_is_in_order_or_meant(routes: list[tuple[str, str, str]]):
    assert [each for each in warnings(*routes) if "'rest'" not in each] == []


def test_what_earlier_routes_take_in_part_is_still_hidden():
    vip_chat, vip = ("vip-chat", "{tier: vip, channel: chat}", "1m"), ("vip", "{tier: vip}", "8h")
    assert len(list(warnings(vip_chat, vip, ("short", "{channel: [chat, sms]}", "5m")))) == 1
