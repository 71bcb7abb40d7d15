"""Every endpoint, everybody, every subject: the rules hold, nothing of another team is told, and nothing is harmed."""

from collections.abc import Callable

import pytest

from router.domain.agent import Role
from tests.security.matrix import Matrix, Played
from tests.security.nets import without_row_level_security, without_team_conditions
from tests.security.props import KINDS
from tests.security.rules import MISSING, OTHER, RULES, WRITE_A_RULE, Rule
from tests.unit.api.doubles import bare_app


def route_table() -> list[tuple[str, str]]:
    """The method and path of everything that the API serves; HEAD is served by what serves GET."""
    routes = bare_app().router.routes()
    return sorted({(route.method, route.resource.canonical) for route in routes if route.method != "HEAD"})


ROUTES = route_table()
READS = [rule for rule in RULES if rule.is_read and rule.may_ask(Role.LEAD)]
NETS = {"statements alone": without_row_level_security, "row-level security alone": without_team_conditions}


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=map(" ".join, ROUTES))
async def test_everybody_is_answered_by_the_rules(matrix: Matrix, method: str, path: str):
    rules = [rule for rule in RULES if rule.covers(method, path)]
    assert rules, WRITE_A_RULE.format(endpoint=f"{method} {path}")
    for rule in rules:
        check(rule, await matrix.play(rule, matrix.askers), matrix)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("rule", READS, ids=str)
async def test_each_net_under_what_people_read_holds_alone(
    matrix: Matrix, rule: Rule, net: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
):
    net(monkeypatch)
    check(rule, await matrix.play(rule, matrix.persons), matrix)


def check(rule: Rule, played: Played, matrix: Matrix) -> None:
    squares = [(asker, subject) for asker in matrix.askers for subject in rule.subjects]
    expected = {(asker.name, subject): rule.status(asker.column, subject) for asker, subject in squares}
    assert played.statuses == {square: expected[square] for square in played.statuses}, str(rule)
    assert played.leaks == {}, str(rule)
    assert played.undescribed == {}, str(rule)
    assert played.is_unharmed, f"{rule} was refused and has changed something all the same"
    if rule.hides:
        assert played.texts(OTHER, matrix.persons) == played.texts(MISSING, matrix.persons), str(rule)


async def test_all_that_is_planted_is_there_to_be_found(matrix: Matrix):
    played = [await matrix.play(rule, [matrix.admin]) for rule in READS]
    found = {word for one in played for answer in one.answers.values() for word in answer.words}
    planted = {f"{team.name}-{kind}" for team in matrix.teams for kind in KINDS}
    assert {word for word in planted if not any(one.startswith(word) for one in found)} == set()


def test_no_rule_is_about_what_is_not_served():
    assert [str(rule) for rule in RULES if not any(rule.covers(*route) for route in ROUTES)] == []
