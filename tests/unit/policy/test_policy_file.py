"""Policy files: what a good one compiles to, and the sentence for each fault a file can have."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.message import Channel
from router.domain.triage import Complexity
from router.files.checked import FileError
from router.policy.model import Reopen, ReopenRule
from router.policy.parse import parse_policy

ROOT = Path(__file__).parents[3]
GOOD = (ROOT / "tests/policies/good.yaml").read_text()
BROKEN = sorted(path for path in (ROOT / "tests/policies").glob("*.yaml") if path.stem != "good")


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_each_fault_is_told_in_the_sentences_that_head_its_file(path: Path):
    text = path.read_text()
    expected = tuple(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    with pytest.raises(FileError) as refused:
        parse_policy(text)
    assert refused.value.problems == expected


def test_there_is_a_broken_file_for_every_fault_and_none_is_empty_by_mistake():
    assert len(BROKEN) > 40
    assert all(path.read_text().startswith("# ") for path in BROKEN)


def test_the_shipped_policy_has_its_teams_apart_and_a_route_for_german():
    policy = parse_policy((ROOT / "deploy/policy.yaml").read_text())
    assert policy.teams["frontline"].takes == {Complexity.SIMPLE}
    assert policy.teams["specialists"].takes == {Complexity.COMPLEX}
    assert any(route.skills == ("german",) for route in policy.routes)
    assert policy.tier_of(["cfo@bigcustomer.example"]) == "vip"


def test_the_version_changes_with_every_byte_of_the_file():
    one, other = parse_policy(GOOD).version, parse_policy(GOOD + "\n").version
    assert one != other
    assert len(one) == len(other) == 12


@pytest.mark.parametrize(
    ("written", "rule", "a_day_later", "a_month_later"),
    [
        ("always", Reopen(rule=ReopenRule.REOPEN), True, True),
        ("never", Reopen(rule=ReopenRule.NEW), False, False),
        ("14d", Reopen(rule=ReopenRule.WITHIN, within=timedelta(days=14)), True, False),
    ],
)
def test_a_queue_reopens_by_its_three_way_rule(written: str, rule: Reopen, a_day_later: bool, a_month_later: bool):
    policy = parse_policy(GOOD.replace("{team: frontline}", f"{{team: frontline, reopen: {written}}}"))
    reopen = policy.queues["general"].reopen
    assert reopen == rule
    assert reopen.allows(timedelta(days=1)) is a_day_later
    assert reopen.allows(timedelta(days=31)) is a_month_later


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("45s", timedelta(seconds=45)),
        ("10m", timedelta(minutes=10)),
        ("4h", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("0", timedelta(0)),
    ],
)
def test_durations_are_a_number_and_a_unit(written: str, meant: timedelta):
    policy = parse_policy(f"{GOOD}threading: {{join_channels_within: {written}}}\n")
    assert policy.threading.join_channels_within == meant


def test_windows_are_there_for_every_channel_but_mail():
    policy = parse_policy(f"{GOOD}threading: {{window: {{chat: 2h}}}}\n")
    assert policy.threading.window == {
        Channel.CHAT: timedelta(hours=2),
        Channel.SMS: timedelta(hours=72),
        Channel.SOCIAL: timedelta(hours=72),
    }


def test_blocked_senders_and_own_addresses_are_patterns_without_case():
    policy = parse_policy(
        f'{GOOD}senders: {{blocked: ["*@spam.example", "+1555*"]}}\nown_addresses: "help@our.example"\n'
    )
    assert [policy.blocks(who) for who in ("Win@SPAM.example", "+15550100", "a@spam.example.org", "")] == [
        True,
        True,
        False,
        False,
    ]
    assert policy.is_own("Help@our.example")
    assert not policy.is_own("help2@our.example")


@pytest.mark.parametrize("pattern", ["+55 11 99999-0001", "+551199990001", "+5511*"])
@pytest.mark.parametrize("sender", ["+551199990001", "+5511999990001"])
def test_a_blocked_number_is_blocked_in_every_spelling(pattern: str, sender: str):
    assert parse_policy(f'{GOOD}senders: {{blocked: ["{pattern}"]}}\n').blocks(sender)


def test_nobody_is_blocked_when_no_pattern_is_given():
    assert not parse_policy(GOOD).blocks("")
    assert not parse_policy(GOOD).blocks("a@b.example")


def test_the_tier_on_record_comes_before_the_patterns_and_the_first_pattern_wins():
    tiers = 'tiers:\n  gold: ["*@gold.example"]\n  vip: ["*@bigcustomer.example", "*@gold.example"]\n'
    policy = parse_policy(GOOD.replace('tiers:\n  vip: ["*@bigcustomer.example"]\n', tiers))
    assert policy.tier_of(["x@gold.example"]) == "gold"
    assert policy.tier_of(["+4930", "x@bigcustomer.example"]) == "vip"
    assert policy.tier_of(["x@gold.example"], stored="bronze") == "bronze"
    assert policy.tier_of([]) is None


def test_norwegian_is_a_language_and_an_unquoted_number_is_an_address():
    policy = parse_policy(GOOD.replace("[en, de]", "[en, no]") + "senders: {blocked: [+15550100]}\n")
    assert policy.triage.languages == ("en", "no")
    assert policy.blocks("+15550100")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#" * (256 * 1024 + 1), "the file is larger than 256 KiB"),
        ("[" * 20_000, "the file is nested too deeply"),
        ("teams: \x00", "special characters are not allowed"),
    ],
    ids=["too large", "too deep", "NUL"],
)
def test_a_hostile_file_is_refused_in_one_sentence(text: str, problem: str):
    with pytest.raises(FileError, match=problem) as refused:
        parse_policy(text)
    assert len(refused.value.problems) == 1


@given(cut=st.integers(0, len(GOOD)), junk=st.text(max_size=12))
def test_a_garbled_file_compiles_or_is_refused_and_never_crashes(cut: int, junk: str):
    with suppress(FileError):
        assert parse_policy(GOOD[:cut] + junk + GOOD[cut + len(junk) :]).routes
