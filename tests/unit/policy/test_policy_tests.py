"""The tests beside the shipped policy hold, and notice when any of its routes is changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from channels.formats import parse
from router.files.checked import FileError
from router.flow.intake.opening import Opener
from router.flow.intake.trial import differences, sample_delivery, supposed, try_out
from router.policy.conditions import When
from router.policy.model import Policy, Route
from router.policy.parse import parse_policy
from router.policy.samples import PolicyTest, parse_tests

DEPLOY = Path(__file__).parents[3] / "deploy"
SHIPPED = parse_policy((DEPLOY / "policy.yaml").read_text())
TESTS = parse_tests((DEPLOY / "policy.tests.yaml").read_text())


def wrong(test: PolicyTest, policy: Policy) -> list[str]:
    opened = Opener(parse, b"", lambda: SHIPPED.triage.languages).open(sample_delivery(test.message))
    (arrival,) = opened.arrivals
    return list(differences(try_out(arrival, supposed(test.customer), policy), test.expect))


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_the_shipped_policy_passes_its_tests(test: PolicyTest):
    assert wrong(test, SHIPPED) == []


def mutants() -> Iterator[tuple[str, Policy]]:
    """The shipped policy with one thing changed: a route left out, or its queue, target, skills or a condition."""
    for place, route in enumerate(SHIPPED.routes):
        if route.when.conditions:
            yield f"{route.name} is gone", with_routes(place, [])
        other = next(name for name in SHIPPED.queues if name != route.queue)
        yield f"{route.name} has another queue", with_routes(place, [replace(route, queue=other)])
        yield (
            f"{route.name} has another target",
            with_routes(place, [replace(route, target=route.target + timedelta(1))]),
        )
        skills = () if route.skills else ("german",)
        yield f"{route.name} asks for other skills", with_routes(place, [replace(route, skills=skills)])
        for dropped in route.when.conditions:
            rest = When(tuple(each for each in route.when.conditions if each is not dropped))
            yield f"{route.name} does not ask for the {dropped.key}", with_routes(place, [replace(route, when=rest)])


def with_routes(place: int, routes: list[Route]) -> Policy:
    return replace(SHIPPED, routes=(*SHIPPED.routes[:place], *routes, *SHIPPED.routes[place + 1 :]))


@pytest.mark.parametrize("mutant", [pytest.param(policy, id=name) for name, policy in mutants()])
def test_a_changed_route_fails_a_test(mutant: Policy):
    assert any(wrong(test, mutant) for test in TESTS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tests: []", "tests: must name at least one"),
        ("{}", "tests: is missing"),
        ("tests: [{name: a, message: {text: x}}]", "tests[0] 'a', expect: is missing"),
        (
            "tests: [{name: a, message: {text: x}, expect: {}}]",
            "tests[0] 'a', expect: must name at least one of route, queue, team, complexity, language, skills, target",
        ),
        (
            "tests: [{name: a, message: {txt: x}, expect: {queue: q}}]",
            (
                "tests[0] 'a', message: unknown key 'txt'; known keys are channel, from, account, provider, subject,"
                " text, language, attributes, attachments"
            ),
        ),
        (
            "tests: [{name: a, message: {channel: fax}, expect: {queue: q}}]",
            "tests[0] 'a', message.channel: 'fax' is not one of email, chat, sms, social",
        ),
        (
            "tests: [{name: a, message: {}, expect: {target: soon}}]",
            "tests[0] 'a', expect.target: 'soon' is not a duration: write 45s, 10m, 4h or 2d",
        ),
    ],
)
def test_a_fault_in_the_tests_is_told_with_its_place(text: str, problem: str):
    with pytest.raises(FileError) as refused:
        parse_tests(text)
    assert refused.value.problems == (problem,)
