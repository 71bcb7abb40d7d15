"""Agents, their groups and their tokens, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import OPERATOR, Viewer
from router.domain.agent import Person, Role
from router.domain.errors import Conflict, Invalid, NotFound
from router.domain.profile import Profile
from router.domain.wait import Requirement
from router.flow.work import agents as flow
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres import groups
from router.postgres.database import Database
from router.postgres.work.agents import PostgresAgents
from router.postgres.work.tokens import Tokens
from tests.making.agents import agent_named, an_agent
from tests.making.tickets import a_requirement, queue_ticket

TEAMS = [f"team-{number}" for number in range(8)]


@pytest.fixture
def tokens(database: Database) -> Tokens:
    return Tokens(database)


def agents_of(database: Database) -> flow.Agents:
    """The agents as leads manage them, under a policy with `TEAMS`."""
    teams = ", ".join(f"{team}: {{takes: any}}" for team in TEAMS)
    queues = ", ".join(f"{team}: {{team: {team}}}" for team in TEAMS)
    route = f"{{name: all, queue: {TEAMS[0]}, target: 1h}}"
    policy = parse_policy(f"teams: {{{teams}}}\nqueues: {{{queues}}}\nroutes: [{route}]\ntriage: {{bias: 0}}")
    return flow.Agents(PostgresAgents(database), lambda: policy, Metrics(CollectorRegistry()))


async def ensure(database: Database, *requirements: Requirement) -> dict[Requirement, int]:
    async with database.transaction("test") as connection:
        return await groups.ensure(connection, requirements)


async def eligible(database: Database) -> set[tuple[str, tuple[str, ...]]]:
    """Which agents may be given tickets with which skills."""
    rows = await database.fetch(
        "test",
        "select name, skill_group.skills from agent_group"
        " join agent on agent.id = agent_id join skill_group on skill_group.id = group_id",
    )
    return {(row["name"], tuple(row["skills"])) for row in rows}


async def test_equal_requirements_share_a_group(database: Database):
    first = await ensure(database, a_requirement(skills=("vip", "de")), a_requirement())
    second = await ensure(database, a_requirement(skills=("de", "vip")))
    assert len(set(first.values())) == 2
    assert second.items() <= first.items()


async def test_groups_asked_for_at_the_same_time_are_made_once(database: Database):
    wanted = [a_requirement(skills=(skill,)) for skill in "abcdef"]
    answers = await asyncio.gather(*(ensure(database, *wanted[start:]) for start in range(6)))
    assert all(answer.items() <= answers[0].items() for answer in answers)


async def test_of_agents_made_at_the_same_time_only_one_has_a_name_whatever_the_capitals(database: Database):
    spellings = ["Ana", "ana", "ANA", "aNA", "anA", "AnA"]
    made = await asyncio.gather(
        *(an_agent(database, name, teams=[], skills=[]) for name in spellings), return_exceptions=True
    )
    assert sorted(isinstance(each, Conflict) for each in made) == [False, *[True] * 5]


async def test_a_group_whose_transaction_failed_is_made_by_the_next(database: Database):
    with pytest.raises(RuntimeError):  # noqa: PT012 - the transaction is what must fail
        async with database.transaction("test") as connection:
            await groups.ensure(connection, [a_requirement()])
            raise RuntimeError
    [group_id] = (await ensure(database, a_requirement())).values()
    assert [tuple(row) for row in await database.fetch("test", "select id from skill_group")] == [(group_id,)]


async def test_a_new_group_is_open_to_agents_of_its_team_with_all_its_skills(database: Database):
    await an_agent(database, "fits", teams=["simple"], skills=["de", "vip", "fr"])
    await an_agent(database, "lacks a skill", teams=["simple"], skills=["de"])
    await an_agent(database, "other team", teams=["complex"], skills=["de", "vip"])
    await ensure(database, a_requirement(team="simple", skills=("de", "vip")))
    assert await eligible(database) == {("fits", ("de", "vip"))}


async def test_changed_skills_and_teams_change_the_groups(database: Database):
    await ensure(database, a_requirement(skills=("de",)), a_requirement(skills=("fr",)))
    await an_agent(database, "ada", teams=["simple"], skills=["de"])
    assert await eligible(database) == {("ada", ("de",))}
    await an_agent(database, "ada", teams=["simple"], skills=["fr"])
    assert await eligible(database) == {("ada", ("fr",))}
    await an_agent(database, "ada", teams=["complex"], skills=["fr"])
    assert await eligible(database) == set()


async def test_agents_and_groups_made_at_the_same_time_find_each_other(database: Database):
    await asyncio.gather(
        *(an_agent(database, f"agent {n}", teams=["simple"], skills=[]) for n in range(8)),
        *(ensure(database, a_requirement(queue=f"queue{n}")) for n in range(8)),
    )
    [(count,)] = await database.fetch("test", "select count(*) from agent_group")
    assert count == 64


async def test_a_team_cannot_be_left_while_its_tickets_are_held(database: Database):
    ada = await an_agent(database, "ada", teams=["simple", "complex"], skills=[])
    ticket_id = await queue_ticket(database, a_requirement(team="simple"))
    await database.execute(
        "test", "update ticket set state = 'assigned', assigned_to = $1 where id = $2", ada.id, ticket_id
    )
    with pytest.raises(Conflict, match="ada still holds tickets"):
        await an_agent(database, "ada", teams=["complex"], skills=[])
    assert await agent_named(database, "ada") == ada
    await an_agent(database, "ada", teams=["simple"], skills=[])


async def test_a_token_names_its_role_and_agent(tokens: Tokens, database: Database):
    secret = await tokens.create("ada laptop", Role.AGENT, agent_name="ada", teams=["simple"], skills=["de"])
    principal = await tokens.principal_of(secret)
    assert isinstance(principal, Person)
    assert (principal.role, principal.agent) == (Role.AGENT, await agent_named(database, "ada"))


async def test_an_integration_is_no_person(tokens: Tokens):
    principal = await tokens.principal_of(await tokens.create("shop", Role.INTEGRATION))
    assert principal is not None
    assert (principal.role, isinstance(principal, Person)) == (Role.INTEGRATION, False)


async def test_a_second_token_leaves_the_agent_as_it_is(tokens: Tokens, database: Database):
    ada = await an_agent(database, "ada", teams=["simple"], skills=["de"])
    await tokens.create("ada phone", Role.LEAD, agent_name="ada")
    assert await agent_named(database, "ada") == ada


@pytest.mark.parametrize("profile", [{"teams": ["complex"]}, {"skills": ["fr"]}])
async def test_no_token_takes_away_what_an_agent_has(tokens: Tokens, database: Database, profile: dict[str, list[str]]):
    ada = await an_agent(database, "ada", teams=["simple"], skills=["de"])
    with pytest.raises(Conflict, match="ada is already an agent"):
        await tokens.create("ada phone", Role.AGENT, agent_name="ada", **profile)
    assert await agent_named(database, "ada") == ada
    assert await tokens.list() == []


async def test_who_is_no_person_is_in_no_team(tokens: Tokens):
    with pytest.raises(Invalid, match="a token of role admin belongs to no person: leave teams and skills out"):
        await tokens.create("boss", Role.ADMIN, teams=["simple"])


async def test_a_token_that_expires_after_all_years_is_listed_too(database: Database, tokens: Tokens):
    await tokens.create("old", Role.ADMIN)
    await database.execute("test", "update token set expires_at = now() + interval '3000000 days'")
    [listed] = await tokens.list()
    assert listed.expires_at is not None
    assert listed.expires_at.year == 9999


async def test_the_secret_is_not_stored(tokens: Tokens, database: Database):
    secret = await tokens.create("shop", Role.INTEGRATION)
    [(row,)] = await database.fetch("test", "select token::text from token")
    assert secret not in row
    assert secret.encode().hex() not in row


@pytest.mark.parametrize("secret", ["", "fd_short", "fd_" + "x" * 43, "é", "\ud800", "fd_" + "x" * 10_000])
async def test_an_unknown_secret_is_nobody(tokens: Tokens, secret: str):
    assert await tokens.principal_of(secret) is None


async def test_secrets_shown_at_the_same_time_are_told_apart(tokens: Tokens):
    ada = await tokens.create("ada", Role.AGENT, agent_name="ada")
    unknown = "fd_" + "x" * 43
    shop = await tokens.create("shop", Role.INTEGRATION)
    ended = await tokens.create("ended", Role.ADMIN)
    await tokens.revoke("ended")
    shown = await asyncio.gather(*map(tokens.principal_of, (ada, unknown, shop, ended, ada)))
    assert [who and who.role for who in shown] == [Role.AGENT, None, Role.INTEGRATION, None, Role.AGENT]


async def test_an_expired_token_is_nobody(tokens: Tokens):
    secret = await tokens.create("old", Role.ADMIN, expires_in=timedelta(seconds=-1))
    assert await tokens.principal_of(secret) is None


async def test_a_revoked_token_is_nobody_at_once_here_and_within_two_seconds_elsewhere(database: Database):
    now = 1000.0
    here, elsewhere = Tokens(database), Tokens(database, clock=lambda: now)
    secret = await here.create("shop", Role.INTEGRATION)
    assert await here.principal_of(secret)
    assert await elsewhere.principal_of(secret)
    await here.revoke("shop")
    assert await here.principal_of(secret) is None
    now += 2.0
    assert await elsewhere.principal_of(secret) is None


async def test_a_changed_agent_is_known_within_two_seconds_where_the_token_is_remembered(
    database: Database,
):
    now = 1000.0
    elsewhere = Tokens(database, clock=lambda: now)
    secret = await elsewhere.create("ada", Role.AGENT, agent_name="ada", teams=["simple"])
    await elsewhere.principal_of(secret)
    ada = await an_agent(database, "ada", teams=["complex"], skills=["german:2"])
    now += 2.0
    principal = await elsewhere.principal_of(secret)
    assert isinstance(principal, Person)
    assert principal.agent == ada
    assert ada.skills == {"german", "german:1", "german:2"}


async def test_a_requirement_with_a_level_is_for_those_who_reach_it(database: Database):
    for level in (2, 3, 4):
        await an_agent(database, f"level {level}", teams=["simple"], skills=[f"german:{level}", "language:de"])
    await an_agent(database, "unlevelled", teams=["simple"], skills=["german"])
    await ensure(database, a_requirement(skills=("german:3", "language:de")), a_requirement(skills=("german:3",)))
    assert await eligible(database) == {
        *((f"level {level}", skills) for level in (3, 4) for skills in (("german:3", "language:de"), ("german:3",))),
        ("unlevelled", ("german:3",)),
    }


async def test_a_retired_agent_gets_no_token(database: Database, tokens: Tokens):
    await an_agent(database, "ada", teams=["simple"], skills=[])
    await database.execute("test", "update agent set retired_at = now()")
    with pytest.raises(Conflict, match="ada is retired"):
        await tokens.create("ada", Role.AGENT, agent_name="ada")


async def test_agents_changed_by_many_at_once_end_with_all_their_teams(database: Database):
    managed = [agents_of(database) for _ in range(4)]
    await managed[0].create(OPERATOR, Profile(name="ada"))
    await asyncio.gather(*(each.join(OPERATOR, team, "ada") for each in managed for team in TEAMS))
    assert (await managed[0].show(Viewer(), "ada")).teams == sorted(TEAMS)
    [(count,)] = await database.fetch("test", "select count(*) from audit where action = 'team.join'")
    assert count == len(TEAMS)


async def test_tokens_are_listed_with_what_became_of_them(tokens: Tokens):
    await tokens.create("b", Role.AGENT, agent_name="ada", expires_in=timedelta(days=1))
    await tokens.create("a", Role.ADMIN)
    await tokens.revoke("a")
    first, second = await tokens.list()
    assert (first.name, first.role, first.agent, first.expires_at) == ("a", Role.ADMIN, None, None)
    assert first.revoked_at is not None
    assert (second.name, second.agent, second.revoked_at) == ("b", "ada", None)
    assert second.expires_at == second.created_at + timedelta(days=1)


async def test_a_token_that_is_not_there_cannot_be_revoked(tokens: Tokens):
    with pytest.raises(NotFound, match="nothing"):
        await tokens.revoke("nothing")


@pytest.mark.parametrize("name", ["", " ", "a\tb", "a\x1b[2Jb", "x" * 101])
async def test_a_token_name_is_one_line(tokens: Tokens, name: str):
    with pytest.raises(Invalid, match="name: must be one line"):
        await tokens.create(name, Role.INTEGRATION)


async def test_a_token_name_is_used_once(tokens: Tokens, database: Database):
    await tokens.create("shop", Role.INTEGRATION)
    with pytest.raises(Conflict, match="shop"):
        await tokens.create("shop", Role.AGENT, agent_name="ada")
    assert await agent_named(database, "ada") is None


@pytest.mark.parametrize(
    ("role", "agent_name"), [(Role.AGENT, None), (Role.LEAD, None), (Role.ADMIN, "ada"), (Role.INTEGRATION, "ada")]
)
async def test_agents_and_leads_are_persons_and_others_are_not(tokens: Tokens, role: Role, agent_name: str | None):
    with pytest.raises(Invalid, match="agent"):
        await tokens.create("token", role, agent_name=agent_name)
