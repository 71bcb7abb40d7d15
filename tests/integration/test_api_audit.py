"""The trail of changes: what is written down, by whom, and who may read it."""

from typing import Any

import pytest

from router.domain.actor import Viewer
from router.domain.agent import Agent, Role
from router.postgres.audit import PostgresAudit
from router.postgres.work.tokens import Tokens
from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import a_ticket


@pytest.fixture
async def admin(api: Api) -> Caller:
    return await api.caller(Role.ADMIN)


@pytest.fixture
async def lena(api: Api) -> Agent:
    return await an_agent(api.database, "Lena")


@pytest.fixture
async def lead(api: Api, lena: Agent) -> Caller:
    """Leads the frontline."""
    return await api.caller(Role.LEAD, lena)


async def changes(caller: Caller, subject: str) -> list[dict[str, Any]]:
    """What was done to the subject, oldest first."""
    found = (await caller.get(f"/v1/audit?subject={subject}")).json["changes"]
    return [{field: line[field] for field in ("actor", "action", "data")} for line in reversed(found)]


async def test_every_change_of_an_agent_says_what_was_what_is_and_who_did_it(admin: Caller, lead: Caller, lena: Agent):
    await admin.post("/v1/agents", json={"name": "Ada", "teams": ["frontline"], "skills": {"german": 3}})
    await lead.patch("/v1/agents/Ada", json={"skills": {"german": 5}, "limit": 4})
    await lead.patch("/v1/agents/Ada", json={"skills": {"german": 5}, "limit": 4})
    await admin.patch("/v1/agents/Ada", json={"retired": True})
    await admin.patch("/v1/agents/Ada", json={"retired": False})
    assert await changes(admin, "agent:Ada") == [
        {"actor": "admin", "action": "agent.create", "data": {"skills": [{}, {"german": 3}]}},
        {
            "actor": f"lead:{lena.id}",
            "action": "agent.change",
            "data": {"skills": [{"german": 3}, {"german": 5}], "limit": [None, 4]},
        },
        {"actor": "admin", "action": "agent.retire", "data": {"is_retired": [False, True]}},
        {"actor": "admin", "action": "agent.reinstate", "data": {"is_retired": [True, False]}},
    ]


async def test_who_joins_and_leaves_is_written_down_for_the_team(admin: Caller):
    await admin.post("/v1/agents", json={"name": "Ada", "teams": ["frontline"]})
    await admin.put("/v1/teams/specialists/members/Ada")
    await admin.put("/v1/teams/specialists/members/Ada")
    await admin.delete("/v1/teams/specialists/members/Ada")
    assert await changes(admin, "team:frontline") == [
        {"actor": "admin", "action": "team.join", "data": {"agent": "Ada"}}
    ]
    assert [line["action"] for line in await changes(admin, "team:specialists")] == ["team.join", "team.leave"]


async def test_what_an_agent_declares_is_written_down_once(api: Api, admin: Caller, lena: Agent):
    caller = await api.agent(lena)
    for status in ("away", "away", "available"):
        await caller.put("/v1/me/presence", json={"status": status})
    assert [line for line in await changes(admin, "agent:Lena") if line["action"] == "presence.set"] == [
        {"actor": f"agent:{lena.id}", "action": "presence.set", "data": {"status": ["available", "away"]}},
        {"actor": f"agent:{lena.id}", "action": "presence.set", "data": {"status": ["away", "available"]}},
    ]


async def test_tokens_are_written_down_without_their_secrets(api: Api, admin: Caller):
    secret = await Tokens(api.database).create("shop", Role.INTEGRATION)
    await Tokens(api.database).revoke("shop")
    assert await changes(admin, "token:shop") == [
        {"actor": "cli", "action": "token.create", "data": {"role": "integration", "agent": None}},
        {"actor": "cli", "action": "token.revoke", "data": {}},
    ]
    assert secret not in str((await admin.get("/v1/audit")).json)


async def test_a_change_that_fails_is_not_written_down(api: Api, admin: Caller, lena: Agent):
    await a_ticket(api.database, held_by=lena)
    before = (await admin.get("/v1/audit")).json
    assert (await admin.patch("/v1/agents/Lena", json={"limit": 3, "teams": []})).status == 409
    assert (await admin.patch("/v1/agents/Lena", json={"limit": 3, "weights": {"chat": 0}})).status == 422
    assert (await admin.get("/v1/audit")).json == before


async def test_the_trail_is_read_page_by_page_newest_first(admin: Caller):
    for limit in range(5):
        await admin.post("/v1/agents", json={"name": f"Ada {limit}", "limit": limit})
    read, after = [], ""
    while after is not None:
        page = (await admin.get(f"/v1/audit?limit=2{after and f'&after={after}'}")).json
        read += [line["subject"] for line in page["changes"]]
        after = page["next"]
    assert read == [*(f"agent:Ada {limit}" for limit in (4, 3, 2, 1, 0)), "token:admin"]


@pytest.fixture
async def busy(api: Api, lead: Caller, admin: Caller) -> None:
    """Something is done in both teams, and to agents of one, the other and both."""
    await an_agent(api.database, "Alan", teams=["specialists"])
    await an_agent(api.database, "Both", teams=["frontline", "specialists"])
    for name in ("Alan", "Both"):
        await admin.patch(f"/v1/agents/{name}", json={"skills": {"german": 3}})


@pytest.mark.usefixtures("busy")
async def test_a_lead_reads_of_the_own_teams_and_their_agents_alone(lead: Caller):
    subjects = {line["subject"] for line in (await lead.get("/v1/audit")).json["changes"]}
    assert subjects == {"agent:Both", "agent:Lena", "team:frontline"}


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("subject", ["agent:Alan", "team:specialists", "token:admin", "agent:Nobody", "team:nowhere"])
async def test_anothers_trail_is_as_empty_as_nobodys(lead: Caller, subject: str):
    assert (await lead.get(f"/v1/audit?subject={subject}")).json == {"changes": [], "next": None}


@pytest.mark.usefixtures("busy")
async def test_row_level_security_alone_hides_the_trail_of_others(api: Api, lena: Agent):
    assert await subjects_for(api, Viewer(agent_id=lena.id)) == {"agent:Both", "agent:Lena", "team:frontline"}


@pytest.mark.usefixtures("busy")
async def test_the_statement_alone_hides_the_trail_of_others(api: Api):
    unbound = Viewer(teams=frozenset({"frontline"}))
    assert await subjects_for(api, unbound) == {"agent:Both", "agent:Lena", "team:frontline"}


async def subjects_for(api: Api, viewer: Viewer) -> set[str]:
    found = await PostgresAudit(api.database).changes(viewer, subject=None, before=None, limit=100)
    return {line.subject for line in found}
