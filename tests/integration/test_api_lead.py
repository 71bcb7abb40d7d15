"""A lead's tools over HTTP: who may use them, and the answers to what cannot be."""

from typing import Any

import pytest

from router.domain.agent import Role
from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import a_ticket
from tests.making.holds import a_hold

BOTH = {"queue": "general", "agent": "Grace"}
BAD_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/tickets/1/reassign", {}, "queue"),
    ("/v1/tickets/1/reassign", BOTH, "queue"),
    ("/v1/tickets/1/reassign", {"queue": "nowhere"}, "queue"),
    ("/v1/tickets/1/reassign", {"agent": "Nobody"}, "agent"),
    ("/v1/tickets/1/reassign", {"queue": "general", "note": " "}, "note"),
    ("/v1/tickets/1/undo", {"why": "wrong"}, "why"),
    ("/v1/agents/Grace/drain", {"for": "1h"}, "for"),
    ("/v1/agents/Grace/undrain", {"now": True}, "now"),
    ("/v1/agents/Grace/requeue", {"all": True}, "all"),
    ("/v1/queues/general/close", {}, "reason"),
    ("/v1/queues/general/close", {"reason": " "}, "reason"),
    ("/v1/queues/general/close", {"reason": "Storm", "older_than": 5}, "older_than"),
    ("/v1/queues/general/close", {"reason": "Storm", "older_than": "long"}, "older_than"),
    ("/v1/queues/general/close", {"reason": "Storm", "older_than": "99999999999d"}, "older_than"),
]


@pytest.fixture
async def lead(api: Api) -> Caller:
    return await api.caller(Role.LEAD, await an_agent(api.database, "Linus"))


async def answers(caller: Caller, ticket_id: int, agent: str, queue: str) -> dict[str, int]:
    """How each tool answers about a ticket, an agent and a queue."""
    posts = {
        f"/v1/tickets/{ticket_id}/reassign": {"queue": queue},
        f"/v1/tickets/{ticket_id}/undo": {},
        f"/v1/agents/{agent}/drain": {},
        f"/v1/agents/{agent}/undrain": {},
        f"/v1/agents/{agent}/requeue": {},
        f"/v1/queues/{queue}/close": {"reason": "Storm is over"},
    }
    why = await caller.get(f"/v1/tickets/{ticket_id}/why")
    return {
        "why": why.status,
        **{path.rpartition("/")[2]: (await caller.post(path, json=body)).status for path, body in posts.items()},
    }


async def test_lead_has_the_tools_for_the_own_team(api: Api, lead: Caller):
    hold = await a_hold(api, await an_agent(api.database))
    assert await answers(lead, hold.lease.ticket_id, "Grace", "general") == {
        "why": 200,
        "reassign": 204,
        "undo": 204,
        "drain": 204,
        "undrain": 204,
        "requeue": 200,
        "close": 200,
    }


async def test_admin_has_them_for_every_team(api: Api):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    hold = await a_hold(api, alan, queue="expert", team="specialists")
    admin = await api.caller(Role.ADMIN)
    assert set((await answers(admin, hold.lease.ticket_id, "Alan", "expert")).values()) == {200, 204}


async def test_what_is_another_teams_is_answered_like_what_is_not_there(api: Api, lead: Caller):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    theirs = (await a_hold(api, alan, queue="expert", team="specialists")).lease.ticket_id
    other = await answers(lead, theirs, "Alan", "expert")
    assert set(other.values()) == {404}
    assert other == await answers(lead, theirs + 1000, "Nobody", "nowhere") | {"reassign": 404}


@pytest.mark.parametrize("role", [Role.AGENT, Role.INTEGRATION])
async def test_nobody_else_has_them(api: Api, role: Role):
    agent = await an_agent(api.database) if role is Role.AGENT else None
    waiting = await a_ticket(api.database)
    answered = await answers(await api.caller(role, agent), waiting.ticket_id, "Grace", "general")
    assert set(answered.values()) == {403}


async def test_bad_body_is_refused_by_field(api: Api, lead: Caller):
    await a_hold(api, await an_agent(api.database))
    for path, body, field in BAD_BODIES:
        answer = await lead.post(path, json=body)
        assert (path, body, answer.status, answer.json.get("field")) == (path, body, 422, field)


async def test_one_place_is_to_be_named_and_only_one(lead: Caller):
    for body, says in ({}, "queue is missing, and so is `agent`"), (BOTH, "queue and `agent` are both given"):
        answer = await lead.post("/v1/tickets/1/reassign", json=body)
        assert answer.json["detail"].startswith(says)


async def test_numbers_of_what_was_done_are_told(api: Api, lead: Caller):
    await a_hold(api, await an_agent(api.database))
    assert (await lead.post("/v1/agents/Grace/requeue")).json == {"requeued": 1}
    closed = await lead.post("/v1/queues/general/close", json={"reason": "Storm is over", "older_than": "1d"})
    assert closed.json == {"closed": 1}


async def test_why_is_told_in_words_and_facts(api: Api, lead: Caller):
    await lead.get("/v1/me/tickets")  # a sign of life
    waiting = await a_ticket(api.database, skills=("german",))
    why = (await lead.get(f"/v1/tickets/{waiting.ticket_id}/why")).json
    assert (why["state"], why["queue"], why["skills"]) == ("queued", "general", ["german"])
    assert why["agents"] == [{"agent": "Linus", "why_not": "lacks german"}]
    assert why["summary"] == "It waits in queue general, and nobody in team frontline can take it now."
