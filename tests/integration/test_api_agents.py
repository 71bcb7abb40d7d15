"""Agents and teams over HTTP: who may manage whom, and what a change comes to at once."""

from datetime import timedelta
from typing import Any

import pytest

from router.domain.actor import Viewer
from router.domain.agent import Agent, Role
from router.flow.see.agents import AgentFilter
from router.postgres.work.agents import PostgresAgents
from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import a_ticket

TEAMS = "frontline, specialists"
GRACE_TIME = timedelta(seconds=90)


@pytest.fixture
async def admin(api: Api) -> Caller:
    return await api.caller(Role.ADMIN)


@pytest.fixture
async def lead(api: Api) -> Caller:
    """Leads the frontline alone."""
    return await api.caller(Role.LEAD, await an_agent(api.database, "Lena"))


@pytest.fixture
async def grace(api: Api) -> Agent:
    return await an_agent(api.database, "Grace", teams=["frontline"])


@pytest.fixture
async def alan(api: Api) -> Agent:
    """A specialist, whom the lead of the frontline must not see."""
    return await an_agent(api.database, "Alan", teams=["specialists"])


async def teams_of(api: Api, name: str) -> list[str]:
    rows = await api.database.fetch(
        "test", "select team from agent_team join agent on agent.id = agent_id where name = $1 order by team", name
    )
    return [row["team"] for row in rows]


async def skills_of(api: Api, name: str) -> set[str]:
    [row] = await api.database.fetch("test", "select skills from agent where name = $1", name)
    return set(row["skills"])


async def test_an_agent_is_made_shown_and_listed(admin: Caller):
    made = await admin.post(
        "/v1/agents",
        json={
            "name": "Ada Example",
            "teams": ["specialists", "frontline"],
            "skills": {"german": 4},
            "languages": ["fr", "de"],
            "limit": 8,
            "weights": {"chat": 4},
            "most": {"chat": 2},
        },
    )
    assert made.status == 201
    shown = await admin.get("/v1/agents/Ada%20Example")
    created_at = shown.json.pop("created_at")
    assert created_at
    assert shown.json == {
        "name": "Ada Example",
        "teams": ["frontline", "specialists"],
        "skills": {"german": 4},
        "languages": ["de", "fr"],
        "limit": 8,
        "weights": {"chat": 4},
        "most": {"chat": 2},
        "held": {},
        "presence": None,
        "is_draining": False,
        "retired_at": None,
    }
    assert made.json == shown.json | {"created_at": created_at}
    assert (await admin.get("/v1/agents")).json == {"agents": [made.json], "next": None}


async def test_agents_are_listed_page_by_page_and_by_team(api: Api, admin: Caller, grace: Agent, alan: Agent):
    await an_agent(api.database, "Zoe", teams=["frontline", "specialists"])
    first = (await admin.get("/v1/agents?limit=2")).json
    assert ([agent["name"] for agent in first["agents"]], first["next"]) == (["Alan", "Grace"], "Grace")
    rest = (await admin.get("/v1/agents?limit=2&after=Grace")).json
    assert ([agent["name"] for agent in rest["agents"]], rest["next"]) == (["Zoe"], None)
    in_team = (await admin.get("/v1/agents?team=frontline")).json["agents"]
    assert [agent["name"] for agent in in_team] == ["Grace", "Zoe"]


async def test_a_change_sets_what_it_names_and_leaves_the_rest(api: Api, admin: Caller):
    await admin.post(
        "/v1/agents",
        json={"name": "Ada", "skills": {"german": 4, "vip": 2}, "languages": ["de"], "limit": 8, "weights": {"sms": 2}},
    )
    changed = await admin.patch(
        "/v1/agents/Ada", json={"skills": {"vip": None, "legal": 1}, "limit": None, "weights": {"chat": 3}}
    )
    assert changed.status == 200
    kept = {field: changed.json[field] for field in ("skills", "languages", "limit", "weights")}
    assert kept == {
        "skills": {"german": 4, "legal": 1},
        "languages": ["de"],
        "limit": None,
        "weights": {"sms": 2, "chat": 3},
    }
    assert await skills_of(api, "Ada") == {
        "german", "german:1", "german:2", "german:3", "german:4", "legal", "legal:1", "language:de",
    }  # fmt: skip


async def test_the_next_ticket_is_given_by_the_skills_as_they_were_changed(api: Api, admin: Caller, grace: Agent):
    await a_ticket(api.database, skills=("german:4",))
    await a_ticket(api.database)
    caller = await api.agent(grace)
    await admin.patch("/v1/agents/Grace", json={"skills": {"german": 3}})
    assert (await caller.post("/v1/me/next")).json["decision"]["skills"] == []
    await admin.patch("/v1/agents/Grace", json={"skills": {"german": 4}})
    await caller.get("/v1/tickets/2")
    assert (await caller.post("/v1/me/next")).json["decision"]["skills"] == ["german:4"]


BAD = [
    ({"teams": ["frontlin"]}, "teams", f"choose from {TEAMS}"),
    ({"skills": {"german": 0}}, "skills.german", "1 to 5"),
    ({"skills": {"german": 6}}, "skills.german", "1 to 5"),
    ({"skills": {"german": "5"}}, "skills.german", "must be a whole number"),
    ({"skills": {"german": True}}, "skills.german", "must be a whole number"),
    ({"skills": {"Deutsch!": 3}}, "skills", "a-z, 0-9 and -"),
    ({"skills": ["german"]}, "skills", "object"),
    ({"languages": ["german"]}, "languages", "ISO 639"),
    ({"limit": -1}, "limit", "0 to 1000"),
    ({"limit": 10**40}, "limit", "0 to 1000"),
    ({"limit": "many"}, "limit", "must be a whole number"),
    ({"weights": {"pigeon": 2}}, "weights", "email, chat, sms, social"),
    ({"weights": {"chat": 0}}, "weights.chat", "1 to 1000"),
    ({"most": {"chat": 1001}}, "most.chat", "0 to 1000"),
    ({"colour": "red"}, "colour", "remove it"),
]


@pytest.mark.parametrize("bad", BAD)
async def test_what_cannot_be_is_refused_with_what_is_allowed(
    api: Api, admin: Caller, grace: Agent, bad: tuple[dict[str, Any], str, str]
):
    body, field, advice = bad
    for answer in (
        await admin.patch("/v1/agents/Grace", json=body),
        await admin.post("/v1/agents", json={"name": "Ada"} | body),
    ):
        assert (answer.status, answer.json["field"]) == (422, field)
        assert advice in answer.json["detail"]
    [count] = await api.database.fetch("test", "select count(*) from agent where name in ('Ada', 'Grace')")
    assert (count["count"], await teams_of(api, "Grace")) == (1, ["frontline"])


@pytest.mark.parametrize("name", ["", "  ", " Ada", "A\u200bda", "A\nda", "x" * 101])
async def test_a_name_is_one_line(admin: Caller, name: str):
    answer = await admin.post("/v1/agents", json={"name": name})
    assert (answer.status, answer.json["field"]) == (422, "name")


async def test_a_name_is_used_once(admin: Caller, grace: Agent):
    answer = await admin.post("/v1/agents", json={"name": "Grace"})
    assert (answer.status, "Grace" in answer.json["detail"]) == (409, True)


async def test_members_join_and_leave_teams(api: Api, admin: Caller, grace: Agent):
    for _ in range(2):
        assert (await admin.put("/v1/teams/specialists/members/Grace")).status == 204
    assert await teams_of(api, "Grace") == ["frontline", "specialists"]
    assert (await admin.delete("/v1/teams/frontline/members/Grace")).status == 204
    assert await teams_of(api, "Grace") == ["specialists"]
    again = await admin.delete("/v1/teams/frontline/members/Grace")
    assert (again.status, again.json["detail"]) == (404, "Grace is not in team frontline.")


async def test_a_team_that_is_not_in_the_policy_cannot_be_joined(admin: Caller, grace: Agent):
    answer = await admin.put("/v1/teams/night/members/Grace")
    assert (answer.status, answer.json["detail"]) == (404, f"There is no team night: choose one of {TEAMS}.")


async def test_a_team_is_not_left_with_its_tickets_in_hand(api: Api, admin: Caller, grace: Agent):
    await a_ticket(api.database, held_by=grace)
    answer = await admin.delete("/v1/teams/frontline/members/Grace")
    assert (answer.status, "still holds tickets of team frontline" in answer.json["detail"]) == (409, True)
    assert await teams_of(api, "Grace") == ["frontline"]


async def test_who_leaves_a_team_is_offered_nothing_of_it(api: Api, admin: Caller, grace: Agent):
    ticket = await a_ticket(api.database, held_by=grace, state="offered")
    assert (await admin.delete("/v1/teams/frontline/members/Grace")).status == 204
    page = (await admin.get(f"/v1/tickets/{ticket.ticket_id}")).json
    assert page["ticket"]["state"] == "queued"
    assert api.counted("router_offers_total", queue="general", outcome="withdrawn") == 1


async def test_teams_are_those_of_the_policy_and_what_it_left_behind(api: Api, admin: Caller, grace: Agent):
    await an_agent(api.database, "Nina", teams=["night"])
    assert (await admin.get("/v1/teams")).json["teams"] == [
        {
            "name": "frontline",
            "description": "",
            "takes": ["simple"],
            "queues": ["general"],
            "members": [{"name": "Grace", "presence": None}],
        },
        {"name": "specialists", "description": "", "takes": ["complex"], "queues": ["expert"], "members": []},
        {
            "name": "night",
            "description": "",
            "takes": [],
            "queues": [],
            "members": [{"name": "Nina", "presence": None}],
        },
    ]


async def test_who_retires_is_gone_but_for_the_name(api: Api, admin: Caller, grace: Agent):
    caller = await api.agent(grace)
    await a_ticket(api.database)
    assert (await admin.patch("/v1/agents/Grace", json={"retired": True})).json["retired_at"]
    assert (await admin.get("/v1/agents")).json["agents"] == []
    assert [agent["name"] for agent in (await admin.get("/v1/agents?retired=true")).json["agents"]] == ["Grace"]
    assert (await admin.get("/v1/teams")).json["teams"][0]["members"] == []
    assert (await caller.get("/v1/me")).status == 401
    assert await api.database.fetch("test", "select from agent_group") == []


async def test_who_comes_back_has_teams_and_skills_and_needs_a_new_token(api: Api, admin: Caller, grace: Agent):
    await a_ticket(api.database)
    await admin.patch("/v1/agents/Grace", json={"retired": True})
    assert (await admin.patch("/v1/agents/Grace", json={"retired": False})).json["retired_at"] is None
    assert (await (await api.agent(grace)).post("/v1/me/next")).status == 200


async def test_nobody_retires_with_tickets_in_hand(api: Api, admin: Caller, grace: Agent):
    await a_ticket(api.database, held_by=grace)
    answer = await admin.patch("/v1/agents/Grace", json={"retired": True})
    assert (answer.status, answer.json["detail"]) == (409, "Grace still holds 1 ticket: give them back first.")


async def test_a_new_group_is_closed_to_the_retired(api: Api, admin: Caller, grace: Agent):
    await admin.patch("/v1/agents/Grace", json={"retired": True})
    await a_ticket(api.database)
    assert await api.database.fetch("test", "select from agent_group") == []


async def test_a_lead_finds_nothing_of_other_teams(lead: Caller, alan: Agent, grace: Agent):
    names = [agent["name"] for agent in (await lead.get("/v1/agents")).json["agents"]]
    assert names == ["Grace", "Lena"]
    assert (await lead.get("/v1/agents?team=specialists")).json["agents"] == []
    assert [team["name"] for team in (await lead.get("/v1/teams")).json["teams"]] == ["frontline"]


FOREIGN = [
    ("get", "/v1/agents/{}", None),
    ("patch", "/v1/agents/{}", {"limit": 1}),
    ("patch", "/v1/agents/{}", {"retired": True}),
    ("put", "/v1/teams/frontline/members/{}", None),
    ("delete", "/v1/teams/frontline/members/{}", None),
    ("delete", "/v1/teams/specialists/members/{}", None),
]


@pytest.mark.parametrize("ask", FOREIGN)
async def test_another_teams_agent_is_answered_like_one_who_is_not_there(
    api: Api, lead: Caller, alan: Agent, ask: tuple[str, str, object]
):
    method, path, body = ask
    given = {} if body is None else {"json": body}
    other, none = [await getattr(lead, method)(path.format(name), **given) for name in ("Alan", "Nobody")]
    assert other.status == none.status == 404
    assert other.json["detail"].replace("Alan", "N") == none.json["detail"].replace("Nobody", "N")
    assert await teams_of(api, "Alan") == ["specialists"]


async def test_another_team_is_answered_like_one_that_is_not_there(lead: Caller, grace: Agent):
    other, none = [await lead.put(f"/v1/teams/{team}/members/Grace") for team in ("specialists", "nowhere")]
    assert other.status == none.status == 404
    assert other.json["detail"].replace("specialists", "T") == none.json["detail"].replace("nowhere", "T")
    bad = [await lead.patch("/v1/agents/Grace", json={"teams": [team]}) for team in ("specialists", "nowhere")]
    assert [answer.status for answer in bad] == [422, 422]
    assert {answer.json["detail"].partition(":")[2] for answer in bad} == {" choose from frontline."}


async def test_a_lead_sees_and_sets_of_the_teams_only_their_own(api: Api, lead: Caller):
    await an_agent(api.database, "Both", teams=["frontline", "specialists"])
    assert (await lead.get("/v1/agents/Both")).json["teams"] == ["frontline"]
    assert (await lead.patch("/v1/agents/Both", json={"teams": ["frontline"]})).json["teams"] == ["frontline"]
    assert await teams_of(api, "Both") == ["frontline", "specialists"]
    assert (await lead.patch("/v1/agents/Both", json={"teams": []})).status == 204
    assert await teams_of(api, "Both") == ["specialists"]
    assert (await lead.get("/v1/agents/Both")).status == 404


async def test_a_lead_does_not_retire_themselves(lead: Caller):
    answer = await lead.patch("/v1/agents/Lena", json={"retired": True})
    assert (answer.status, answer.json["detail"]) == (403, "You cannot retire yourself: ask another lead or an admin.")


async def test_a_lead_does_not_retire_who_works_for_others_too(api: Api, lead: Caller):
    await an_agent(api.database, "Both", teams=["frontline", "specialists"])
    answer = await lead.patch("/v1/agents/Both", json={"retired": True})
    assert (answer.status, "ask an admin" in answer.json["detail"]) == (403, True)


async def test_a_lead_counts_what_an_agent_holds_of_the_own_teams(api: Api, lead: Caller, admin: Caller):
    both = await an_agent(api.database, "Both", teams=["frontline", "specialists"])
    await a_ticket(api.database, held_by=both)
    await a_ticket(api.database, held_by=both, team="specialists", queue="expert", channel="chat")
    assert (await lead.get("/v1/agents/Both")).json["held"] == {"email": 1}
    assert (await admin.get("/v1/agents/Both")).json["held"] == {"email": 1, "chat": 1}


async def test_a_leads_new_agent_is_in_a_team_of_the_leads(api: Api, lead: Caller):
    answer = await lead.post("/v1/agents", json={"name": "Ada"})
    assert (answer.status, answer.json["detail"]) == (422, "teams must name one of yours: frontline.")
    assert (await lead.post("/v1/agents", json={"name": "Ada", "teams": ["frontline"]})).status == 201


async def test_row_level_security_alone_hides_other_teams(api: Api, grace: Agent, alan: Agent):
    agents = PostgresAgents(api.database)
    unconditioned = Viewer(agent_id=grace.id, teams=None)
    assert [card.name for card in await agents.cards(unconditioned, AgentFilter(), grace=GRACE_TIME)] == ["Grace"]
    assert (await agents.members(unconditioned, grace=GRACE_TIME)).keys() == {"frontline"}
    assert await agents.card(unconditioned, "Alan", grace=GRACE_TIME) is None


async def test_the_statements_alone_hide_other_teams(api: Api, grace: Agent, alan: Agent):
    both = await an_agent(api.database, "Both", teams=["frontline", "specialists"])
    await a_ticket(api.database, held_by=both, team="specialists", queue="expert")
    agents = PostgresAgents(api.database)
    unbound = Viewer(teams=frozenset({"frontline"}))
    cards = await agents.cards(unbound, AgentFilter(), grace=GRACE_TIME)
    assert [(card.name, card.teams, card.held) for card in cards] == [
        ("Both", ["frontline"], {}),
        ("Grace", ["frontline"], {}),
    ]
    assert (await agents.members(unbound, grace=GRACE_TIME)).keys() == {"frontline"}


@pytest.mark.parametrize("role", [Role.AGENT, Role.INTEGRATION])
async def test_nobody_else_manages_agents(api: Api, grace: Agent, role: Role):
    caller = await api.caller(role, grace if role is Role.AGENT else None)
    answers = [
        await caller.get("/v1/agents"),
        await caller.post("/v1/agents", json={"name": "Ada"}),
        await caller.get("/v1/agents/Grace"),
        await caller.patch("/v1/agents/Grace", json={"limit": 100}),
        await caller.get("/v1/teams"),
        await caller.put("/v1/teams/specialists/members/Grace"),
        await caller.delete("/v1/teams/frontline/members/Grace"),
        await caller.get("/v1/audit"),
    ]
    assert {answer.status for answer in answers} == {403}
