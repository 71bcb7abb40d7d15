"""`frontdesk agent` and `frontdesk team` as an operator types them, on a PostgreSQL and the shipped policy."""

from typing import Any

import pytest

from router.postgres.database import Database
from router.settings import Settings
from tests.clients import command_line
from tests.making.agents import an_agent
from tests.making.builders import a_ticket

TEAMS = "frontline, specialists, key-accounts"


class Operator:
    """Types commands and reads what they say."""

    def __init__(self, database_url: str) -> None:
        self._settings = Settings(database_url=database_url)

    def does(self, *arguments: str) -> str:
        ended = command_line.frontdesk(*arguments, settings=self._settings)
        assert ended.status == 0, ended.err
        assert max(map(len, ended.out.splitlines())) <= command_line.COLUMNS, ended.out
        return ended.out

    def fails(self, *arguments: str) -> str:
        ended = command_line.frontdesk(*arguments, settings=self._settings)
        assert (ended.status, ended.out) == (1, "")
        return ended.err.removeprefix("frontdesk: ").removesuffix("\n")

    def shows(self, name: str) -> dict[str, str]:
        lines = (line.partition(" ") for line in self.does("agent", "show", name).splitlines())
        return {field: value.strip() for field, _, value in lines}


@pytest.fixture
def operator(database_url: str) -> Operator:
    return Operator(database_url)


def test_an_agent_is_made_changed_and_shown(operator: Operator):
    made = operator.does(
        *("agent", "create", "Ada", "--team", "frontline", "--skill", "german:4", "--skill", "vip", "--language", "de"),
        *("--limit", "8", "--weight", "chat=3", "--most", "chat=2"),
    )
    assert made == "created Ada\n"
    changes = ("--skill", "legal:1", "--drop", "vip", "--drop", "language:de", "--limit", "policy", "--most", "sms=0")
    assert operator.does("agent", "change", "Ada", *changes, "--weight", "chat=policy") == "changed Ada\n"
    shown = operator.shows("Ada")
    assert shown.pop("made")
    assert shown == {
        "name": "Ada",
        "teams": "frontline",
        "skills": "german:4, legal:1",
        "limit": "the policy's",
        "weights": "the policy's",
        "most": "chat=2, sms=0",
        "holds": "nothing",
        "presence": "never here",
    }


REFUSED = [
    (["create", "Ada", "--team", "frontlin"], f"teams: cannot include 'frontlin': choose from {TEAMS}"),
    (["create", "Ada", "--skill", "german:9"], "skills: 'german:9' has an invalid level: use 1 to 5, as in german:4"),
    (["change", "Grace", "--limit", "many"], "--limit: 'many' is not a number: write one, or the word policy"),
    (
        ["change", "Grace", "--weight", "chat"],
        "--weight: 'chat' has no number: write chat=2, or chat=policy to use the policy's",
    ),
    (["change", "Grace", "--drop", "vip"], "--drop: Grace does not have 'vip': name one of their skills or languages"),
    (["change", "Grace", "--weight", "chat=50"], "weights.chat: is 50, above the agent's limit of 10: none would fit"),
    (["change", "Grace"], "There is nothing to change: give --skill, --language, --drop, --limit, --weight or --most."),
    (["create", "GRACE"], "There is already an agent named Grace; capitals do not matter: choose another name."),
    (["show", "Nobody"], "There is no agent Nobody."),
]


async def test_what_cannot_be_is_one_line_that_says_what_can(database: Database, operator: Operator):
    await an_agent(database, "Grace")
    assert [operator.fails("agent", *arguments) for arguments, _ in REFUSED] == [line for _, line in REFUSED]


async def test_a_token_for_an_agent_in_other_capitals_is_refused_naming_these(database: Database, operator: Operator):
    await an_agent(database, "Grace")
    refusal = operator.fails("token", "create", "phone", "--role", "agent", "--agent", "grace")
    assert refusal == "There is already an agent named Grace; capitals do not matter: choose another name."


async def test_one_who_is_given_nothing_may_have_any_weight(database: Database, operator: Operator):
    await an_agent(database, "Grace")
    assert operator.does("agent", "change", "Grace", "--limit", "0", "--weight", "chat=3") == "changed Grace\n"


async def test_who_is_retired_is_listed_on_request_only(database: Database, operator: Operator):
    grace = await an_agent(database, "Grace", skills=["german"])
    await an_agent(database, "Ada", teams=["specialists", "key-accounts"])
    await a_ticket(database, held_by=grace)
    assert operator.fails("agent", "retire", "Grace") == "Grace still holds 1 ticket: give them back first."
    await database.execute("test", "update ticket set state = 'resolved', assigned_to = null")
    assert operator.does("agent", "retire", "Grace") == "retired Grace\n"
    assert words(operator.does("agent", "list")) == [
        ["name", "teams", "skills", "holds", "presence"],
        ["Ada", "key-accounts,", "specialists", "never", "here"],
    ]
    assert "retired" in operator.does("agent", "list", "--retired")
    assert operator.fails("token", "create", "phone", "--role", "agent", "--agent", "Grace").startswith("Grace is ret")
    assert operator.does("agent", "reinstate", "Grace") == "reinstated Grace\n"


async def test_teams_gain_and_lose_members(database: Database, operator: Operator):
    await an_agent(database, "Grace")
    await an_agent(database, "Ada", teams=[])
    added = operator.does("team", "add", "specialists", "Grace", "Ada")
    assert added == "added Grace to specialists\nadded Ada to specialists\n"
    assert operator.does("team", "remove", "frontline", "Grace") == "removed Grace from frontline\n"
    assert [line[0] for line in words(operator.does("team", "show", "specialists"))] == ["agent", "Ada", "Grace"]
    listed = {line[0]: line[-1] for line in words(operator.does("team", "list"))}
    assert listed == {"team": "agents", "frontline": "0", "specialists": "2", "key-accounts": "0"}
    assert operator.fails("team", "add", "night", "Ada") == f"There is no team night: choose one of {TEAMS}."


async def test_a_token_gives_teams_and_skills_with_their_levels(database: Database, operator: Operator):
    made = ("token", "create", "ada", "--role", "agent", "--agent", "Ada", "--team", "frontline")
    assert operator.does(*made, "--skill", "german:5", "--skill", "vip").startswith("fd_")
    assert operator.shows("Ada")["skills"] == "german:5, vip:3"
    operator.does("token", "create", "phone", "--role", "lead", "--agent", "Ada")
    assert operator.shows("Ada")["skills"] == "german:5, vip:3"


async def test_the_command_line_is_named_in_the_trail(database: Database, operator: Operator):
    operator.does("agent", "create", "Ada", "--team", "frontline")
    rows: list[Any] = await database.fetch("test", "select actor, action, subject from audit order by id")
    assert [tuple(row) for row in rows] == [
        ("cli", "agent.create", "agent:Ada"),
        ("cli", "team.join", "team:frontline"),
    ]


def words(table: str) -> list[list[str]]:
    """The words of each line of a table, without the rule below its head."""
    lines = [line.split() for line in table.splitlines()]
    return [line for line in lines if line and not line[0].startswith("─")]
