"""Presence over HTTP: one row for an agent, renewed by whatever they ask, and what a word of theirs withdraws."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from router.domain.agent import Agent, Lease, Role, Status
from router.domain.customer import AgentId
from router.domain.ticket import TicketState
from router.flow.run.transitions import Turned
from router.policy.parse import parse_policy
from router.postgres.assign.presence import PostgresPresence
from router.postgres.assign.timers import PostgresTimers
from tests.clients.api import POLICY, Answered, Api, Caller, running_api
from tests.making.agents import an_agent
from tests.making.builders import a_ticket, a_token

WITH_REASONS = f"""{POLICY}
assignment:
  reasons: {{away: [lunch, training]}}
  capacity: {{limit: 4, weights: {{chat: 3}}, most: {{sms: 1}}, interruptible: [email]}}
"""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, policy_text=WITH_REASONS) as api:
        yield api


@pytest.fixture
async def grace(api: Api) -> Agent:
    return await an_agent(api.database, "Grace", skills=["german"])


@pytest.fixture
async def caller(api: Api, grace: Agent) -> Caller:
    return await api.agent(grace)


BUSY = """
insert into presence (agent_id, status, since, seen_at, idle_since)
select id, 'busy', now(), now(), now() from agent"""


async def presence(api: Api) -> dict[str, Any]:
    [row] = await api.database.fetch("test", "select * from presence")
    return dict(row)


async def declare(caller: Caller, status: str, reason: str | None = None) -> Answered:
    given = {"status": status} | ({"reason": reason} if reason else {})
    return await caller.put("/v1/me/presence", json=given)


async def seen_long_ago(api: Api) -> datetime:
    """Let the agent's lease be over, and return since when."""
    earlier = "update presence set seen_at = seen_at - interval '1 hour' returning seen_at"
    [row] = await api.database.fetch("test", earlier)
    return row["seen_at"]


@pytest.mark.parametrize("role", [Role.AGENT, Role.LEAD])
async def test_nobody_becomes_available_by_looking(api: Api, grace: Agent, role: Role):
    looking = await api.caller(role, grace)
    for path in ("/v1/me", "/v1/me/tickets", "/v1/tickets", "/v1/queues"):
        assert (await looking.get(path)).status == 200
    assert (await looking.get("/v1/me")).json["presence"] is None
    assert await api.database.fetch("test", "select from presence") == []


async def test_who_asks_for_work_is_available(api: Api, caller: Caller):
    assert (await caller.post("/v1/me/next")).status == 204
    row = await presence(api)
    assert (row["status"], row["reason"], row["missed"]) == ("available", None, 0)
    assert row["since"] == row["seen_at"] == row["idle_since"]


async def test_a_refused_request_is_a_sign_of_life_and_a_bad_token_is_none(api: Api, caller: Caller):
    assert (await api.nobody().get("/v1/me")).status == 401
    assert (await (await api.caller(Role.ADMIN)).get("/v1/queues")).status == 200
    assert await api.database.fetch("test", "select from presence") == []
    await api.database.execute("test", BUSY)
    assert (await caller.get("/v1/agents")).status == 403
    row = await presence(api)
    assert (row["status"], row["seen_at"] > row["since"]) == ("busy", True)


async def test_two_clients_of_an_agent_are_one_agent(api: Api, grace: Agent, caller: Caller):
    tablet = await api.caller(Role.LEAD, grace)
    await asyncio.gather(*(client.get("/v1/me") for client in (caller, tablet) for _ in range(5)))
    await declare(tablet, "away", "lunch")
    assert (await caller.get("/v1/me")).json["presence"]["reason"] == "lunch"
    assert len(await api.database.fetch("test", "select from presence")) == 1


async def test_an_agent_sees_how_they_stand(api: Api, grace: Agent, caller: Caller):
    await a_ticket(api.database, held_by=grace, channel="chat")
    await a_ticket(api.database, held_by=grace)
    await declare(caller, "available")
    me = (await caller.get("/v1/me")).json
    assert me.pop("presence")["is_live"]
    assert me == {
        "name": "Grace",
        "role": "agent",
        "teams": ["frontline"],
        "skills": {"german": 3},
        "languages": [],
        "is_draining": False,
        "capacity": {
            "limit": 4,
            "weights": {"email": 1, "chat": 3, "sms": 1, "social": 1},
            "most": {"sms": 1},
            "interruptible": ["email"],
            "room": {"email": False, "chat": False, "sms": True, "social": True},
        },
        "held": {"chat": 1, "email": 1},
        "queues": ["general"],
    }


async def test_an_agent_of_no_team_sees_themselves(api: Api):
    nina = await api.agent(await an_agent(api.database, "Nina", teams=[]))
    me = (await nina.get("/v1/me")).json
    assert (me["name"], me["teams"], me["queues"]) == ("Nina", [], [])


async def test_the_own_numbers_come_before_the_policys(api: Api, caller: Caller):
    admin = await api.caller(Role.ADMIN)
    await admin.patch("/v1/agents/Grace", json={"limit": 7, "weights": {"chat": 1}})
    capacity = (await caller.get("/v1/me")).json["capacity"]
    assert (capacity["limit"], capacity["weights"]["chat"], capacity["most"]) == (7, 1, {"sms": 1})


async def test_what_an_agent_declares_is_shown_with_its_time(api: Api, caller: Caller):
    await declare(caller, "available")
    before = await presence(api)
    answer = await declare(caller, "away", "lunch")
    assert answer.status == 200
    assert (answer.json["status"], answer.json["reason"], answer.json["is_live"]) == ("away", "lunch", True)
    assert datetime.fromisoformat(answer.json["since"]) > before["since"]
    assert (await declare(caller, "away", "lunch")).json["since"] == answer.json["since"]
    assert (await declare(caller, "away", "training")).json["since"] > answer.json["since"]


async def test_an_agent_who_becomes_available_has_been_idle_from_now_on(api: Api, caller: Caller):
    await caller.post("/v1/me/next")
    first = (await presence(api))["idle_since"]
    await declare(caller, "available")
    assert (await presence(api))["idle_since"] == first
    await declare(caller, "busy")
    await declare(caller, "available")
    assert (await presence(api))["idle_since"] > first


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"status": "asleep"}, "status", "'available', 'busy', 'away', 'wrap_up' or 'offline'"),
        ({}, "status", "is missing"),
        ({"status": "away", "reason": "yoga"}, "reason", "lunch, training"),
        ({"status": "busy", "reason": "lunch"}, "reason", "leave it out"),
        ({"status": "away", "mood": "good"}, "mood", "remove it"),
    ],
)
async def test_an_unknown_status_or_reason_is_refused_with_those_that_are_known(
    api: Api, caller: Caller, body: dict[str, Any], field: str, allowed: str
):
    await declare(caller, "available")
    answer = await caller.put("/v1/me/presence", json=body)
    assert (answer.status, answer.json["field"]) == (422, field)
    assert allowed in answer.json["detail"]
    assert (await presence(api))["status"] == "available"


async def test_nobody_but_persons_has_a_presence(api: Api):
    for role in (Role.ADMIN, Role.INTEGRATION):
        caller = await api.caller(role)
        assert (await caller.get("/v1/me")).status == (await declare(caller, "away")).status == 403


async def state_of(api: Api, ticket: Lease) -> dict[str, Any]:
    [row] = await api.database.fetch(
        "test",
        "select state, assigned_to, state_until, enqueued_at, due_at from ticket where id = $1",
        ticket.ticket_id,
    )
    return dict(row)


@pytest.mark.parametrize("status", ["busy", "away", "wrap_up", "offline"])
async def test_who_is_not_available_gives_offers_back_to_their_place_and_keeps_what_they_hold(
    api: Api, grace: Agent, caller: Caller, status: str
):
    offered = await a_ticket(api.database, held_by=grace, state="offered")
    held = await a_ticket(api.database, held_by=grace)
    before = await state_of(api, offered)
    assert (await declare(caller, status)).status == 200
    assert await state_of(api, offered) == before | {"state": "queued", "assigned_to": None, "state_until": None}
    assert (await state_of(api, held))["state"] == "assigned"
    admin = await api.caller(Role.ADMIN)
    [event] = (await admin.get(f"/v1/tickets/{offered.ticket_id}/history")).json["events"]
    assert (event["kind"], event["state"], event["actor"]) == ("release", "queued", f"agent:{grace.id}")
    assert (event["data"]["reason"], event["data"]["lease_epoch"]) == ("not_available", 1)
    assert api.counted("router_offers_total", queue="general", outcome="withdrawn") == 1


async def test_an_available_agent_keeps_their_offers(api: Api, grace: Agent, caller: Caller):
    offered = await a_ticket(api.database, held_by=grace, state="offered")
    await declare(caller, "available")
    assert (await state_of(api, offered))["state"] == "offered"


async def test_the_offers_of_others_are_left_alone(api: Api, caller: Caller):
    other = await an_agent(api.database, "Other")
    offered = await a_ticket(api.database, held_by=other, state="offered")
    await declare(caller, "away")
    assert (await state_of(api, offered))["state"] == "offered"


async def test_a_lease_that_is_over_is_not_live_and_a_sign_of_life_makes_it_so(api: Api, grace: Agent, caller: Caller):
    admin = await api.caller(Role.ADMIN)
    await declare(caller, "available")
    await seen_long_ago(api)
    assert (await admin.get("/v1/agents/Grace")).json["presence"]["is_live"] is False
    await PostgresPresence(api.database).renew([grace.id])
    shown = (await admin.get("/v1/agents/Grace")).json["presence"]
    assert (shown["is_live"], shown["status"]) == (True, "available")


async def test_a_sign_of_life_does_not_change_what_was_declared(api: Api, grace: Agent, caller: Caller):
    await declare(caller, "away", "lunch")
    long_ago = await seen_long_ago(api)
    await PostgresPresence(api.database).renew([grace.id])
    row = await presence(api)
    assert (row["status"], row["reason"], row["seen_at"] - long_ago > timedelta(minutes=59)) == ("away", "lunch", True)


async def test_requests_within_a_third_of_the_grace_time_write_nothing(api: Api, caller: Caller):
    await caller.get("/v1/me")
    await declare(caller, "available")
    long_ago = await seen_long_ago(api)
    await caller.get("/v1/me")
    assert (await presence(api))["seen_at"] == long_ago


async def test_a_thousand_agents_are_renewed_by_many_processes_at_once(api: Api):
    made = "insert into agent (name) select 'agent ' || n from generate_series(1, 1000) as n returning id"
    ids = [AgentId(row["id"]) for row in await api.database.fetch("test", made)]
    await api.database.execute("test", BUSY)
    stores = [PostgresPresence(api.database) for _ in range(6)]
    await asyncio.gather(*(store.renew(ids if number % 2 else ids[::-1]) for number, store in enumerate(stores * 3)))
    [row] = await api.database.fetch("test", "select count(*), count(distinct status) as kinds from presence")
    assert (row["count"], row["kinds"]) == (1000, 1)


async def test_the_retired_and_the_unknown_get_no_presence(api: Api, grace: Agent):
    await (await api.caller(Role.ADMIN)).patch("/v1/agents/Grace", json={"retired": True})
    store = PostgresPresence(api.database)
    for agent_id in (grace.id, AgentId(4_000_000_000)):
        await store.ask(agent_id)
        assert await store.renew([agent_id]) == []
    assert await api.database.fetch("test", "select from presence") == []


async def test_a_declaration_waits_for_whoever_gives_the_agent_something(api: Api, grace: Agent):
    ticket = await a_ticket(api.database)
    store = PostgresPresence(api.database)
    offer = "update ticket set state = 'offered', assigned_to = $1, lease_epoch = lease_epoch + 1 where id = $2"
    async with api.database.transaction("test") as connection:
        await connection.execute("select from agent where id = $1 for no key update", grace.id)
        declaring = asyncio.create_task(store.declare(grace, Status.AWAY, None))
        await until_blocked(api)
        await connection.execute(offer, grace.id, ticket.ticket_id)
    assert (await declaring).withdrawn == [Turned(ticket.ticket_id, TicketState.OFFERED, grace.id, "general", "email")]


async def until_blocked(api: Api) -> None:
    """Return once some statement waits for a lock."""
    async with asyncio.timeout(10):
        while not await api.database.fetch("test", "select from pg_locks where not granted"):
            await asyncio.sleep(0.01)


async def test_who_has_no_team_is_told_so_by_next(api: Api):
    nina = await api.agent(await an_agent(api.database, "Nina", teams=[]))
    answer = await nina.post("/v1/me/next?wait=30")
    assert (answer.status, answer.json["detail"]) == (
        403,
        "You are in no team, so you cannot get tickets: ask a lead or an admin to add you to one.",
    )


SKILLED = """
teams:
  frontline: {takes: any}
  specialists: {takes: any}
queues:
  general: {team: frontline}
  expert: {team: specialists}
routes:
  - {name: chat, when: {channel: chat}, queue: expert, target: 1h}
  - {name: rest, queue: general, skills: [german, vip:4], target: 1h}
triage: {bias: 0}
"""


async def test_who_lacks_every_skill_that_is_asked_for_is_told_so_by_next(database_url: str):
    async with running_api(database_url, policy_text=SKILLED) as api:
        caller = await api.agent(await an_agent(api.database, "Ada", skills=["german"]))
        answer = await caller.post("/v1/me/next?wait=30")
        assert answer.status == 403
        assert "skills that you do not have (german, vip:4)" in answer.json["detail"]
        assert (await caller.get("/v1/me")).json["queues"] == []


async def test_who_could_take_what_was_transferred_may_ask_without_any_skill(database_url: str):
    async with running_api(database_url, policy_text=SKILLED) as api:
        await a_ticket(api.database)
        caller = await api.agent(await an_agent(api.database, "Ada"))
        assert (await caller.post("/v1/me/next")).status == 200


@pytest.mark.parametrize("comes_back", ["declares", "asks"])
async def test_who_was_lost_is_offline_until_they_declare_a_status_or_ask(
    api: Api, database_url: str, grace: Agent, comes_back: str
):
    secret = await a_token(api.database, Role.AGENT, agent=grace)
    await PostgresPresence(api.database).ask(grace.id)
    await seen_long_ago(api)
    await PostgresTimers(api.database).release_lost(500, parse_policy(WITH_REASONS))
    async with running_api(database_url, policy_text=WITH_REASONS) as later:
        caller = Caller(later.client, secret)
        shown = (await caller.get("/v1/me")).json["presence"]
        assert (shown["status"], shown["cause"], shown["is_live"]) == ("offline", "lost", True)
        back = caller.post("/v1/me/next") if comes_back == "asks" else declare(caller, "available")
        assert (await back).status in {200, 204}
        shown = (await caller.get("/v1/me")).json["presence"]
    assert (shown["status"], shown["cause"]) == ("available", None)


async def test_who_was_set_away_is_told_why(api: Api, grace: Agent, caller: Caller):
    await declare(caller, "available")
    await api.database.execute("test", "update presence set status = 'away', cause = 'missed_offers'")
    refused = await caller.post("/v1/me/next")
    assert refused.status == 403
    assert "you let too many offers in a row expire" in refused.json["detail"]
    assert (await caller.get("/v1/me")).json["presence"]["cause"] == "missed_offers"
    assert (await declare(caller, "available")).json["cause"] is None


async def test_next_does_not_give_again_what_the_client_has(api: Api, caller: Caller):
    first, second = [await a_ticket(api.database) for _ in range(2)]
    given = (await caller.post("/v1/me/next")).json["ticket"]["id"]
    assert given == (await caller.post("/v1/me/next?have=1234567")).json["ticket"]["id"] == first.ticket_id
    assert (await caller.post(f"/v1/me/next?have={given},7")).json["ticket"]["id"] == second.ticket_id
    assert (await caller.post(f"/v1/me/next?have={first.ticket_id},{second.ticket_id}")).status == 204


@pytest.mark.parametrize("have", ["", "a", "1,", "-1", "1;2", "0", "1" * 19])
async def test_what_is_no_ticket_cannot_be_had(caller: Caller, have: str):
    answer = await caller.post(f"/v1/me/next?have={have}")
    assert (answer.status, answer.json["field"]) == (422, "have")
