"""Cherry-picking over HTTP, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest

from router.domain.actor import Actor
from router.domain.agent import Agent, Lease, Role
from tests.clients.api import Answered, Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import a_ticket
from tests.making.holds import row
from tests.making.moments import NOON
from tests.watching.waiting import waiting_for_locks

POLICY = """
assignment: {capacity: {limit: 3, weights: {chat: 2}}}
teams:
  frontline: {takes: simple}
  specialists: {takes: complex}
queues:
  general: {team: frontline, cherry_pick: true}
  strict: {team: frontline}
  expert: {team: specialists, cherry_pick: true}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""


@pytest.fixture
async def agent(api: Api) -> Agent:
    return await an_agent(api.database, skills=["german"])


@pytest.fixture
async def grace(api: Api, agent: Agent) -> Caller:
    return await api.agent(agent)


async def take(caller: Caller, lease: Lease) -> Answered:
    return await caller.post(f"/v1/tickets/{lease.ticket_id}/take")


def numbers(answer: Answered) -> list[int]:
    return [ticket["id"] for ticket in answer.json["tickets"]]


async def test_what_waits_is_listed_due_first_page_by_page(api: Api, grace: Caller):
    later = [await a_ticket(api.database, target=timedelta(hours=hours)) for hours in (3, 1, 2)]
    expected = [later[1].ticket_id, later[2].ticket_id, later[0].ticket_id]
    assert numbers(await grace.get("/v1/queues/general/tickets")) == expected
    first = await grace.get("/v1/queues/general/tickets?limit=2")
    rest = await grace.get(f"/v1/queues/general/tickets?limit=2&after={first.json['next']}")
    assert (numbers(first), numbers(rest), rest.json["next"]) == (expected[:2], expected[2:], None)


async def test_tickets_that_are_due_at_the_same_time_are_all_on_some_page(api: Api, grace: Caller):
    waiting = [(await a_ticket(api.database, channel=channel)).ticket_id for channel in ("email", "chat", "sms")]
    found: list[int] = []
    after = ""
    while after is not None:
        page = await grace.get(f"/v1/queues/general/tickets?limit=1{after and '&after='}{after}")
        found += numbers(page)
        after = page.json["next"]
    assert found == waiting


async def test_list_shows_what_is_reserved_to_its_agent_alone(api: Api, agent: Agent, grace: Caller):
    reserved = await a_ticket(api.database)
    await api.database.execute("test", "update ticket set reserved_for = $1", agent.id)
    alan = await api.agent(await an_agent(api.database, "Alan"))
    assert numbers(await grace.get("/v1/queues/general/tickets")) == [reserved.ticket_id]
    assert numbers(await alan.get("/v1/queues/general/tickets")) == []
    assert numbers(await (await api.caller(Role.ADMIN)).get("/v1/queues/general/tickets")) == []


async def test_taken_ticket_is_held_under_its_lease(api: Api, agent: Agent, grace: Caller):
    waiting = await a_ticket(api.database, skills=("german",))
    taken = await take(grace, waiting)
    assert (taken.status, taken.json["lease"], taken.headers["ETag"]) == (200, f"{waiting.ticket_id}.1", '"1.1"')
    ticket = await row(api, waiting.ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["enqueued_at"]) == ("assigned", agent.id, NOON)
    [event] = (await grace.get(f"/v1/tickets/{waiting.ticket_id}/history")).json["events"]
    assert (event["kind"], event["actor"], event["data"]["reason"]) == ("accept", f"agent:{agent.id}", "picked")
    assert api.counted("router_tickets_answered_total", queue="general", channel="email", within_target="false") == 1
    assert (await grace.post(f"/v1/tickets/{waiting.ticket_id}/resolve", lease=taken.json["lease"])).status == 204


async def test_take_is_safe_to_repeat(api: Api, grace: Caller):
    waiting = await a_ticket(api.database)
    first, second = await take(grace, waiting), await take(grace, waiting)
    assert (first.json["lease"], second.json["lease"]) == (f"{waiting.ticket_id}.1",) * 2


async def test_of_two_who_take_the_same_ticket_one_is_told_that_somebody_was_faster(api: Api, grace: Caller):
    alan = await api.agent(await an_agent(api.database, "Alan"))
    waiting = await a_ticket(api.database)
    answers = await asyncio.gather(take(grace, waiting), take(alan, waiting))
    [late] = [answer for answer in answers if answer.status != 200]
    assert (late.status, "somebody was faster" in late.json["detail"]) == (409, True)


async def test_nothing_is_chosen_where_the_policy_does_not_say_so(api: Api, grace: Caller):
    waiting = await a_ticket(api.database, queue="strict")
    refused = await take(grace, waiting)
    assert (refused.status, refused.json["detail"]) == (
        403,
        "Agents cannot choose tickets in queue strict: ask for the next one.",
    )
    assert (await grace.get("/v1/queues/strict/tickets")).status == 403


async def test_what_an_agent_may_not_have_they_may_not_choose(api: Api, agent: Agent, grace: Caller):
    french = await a_ticket(api.database, skills=("french",))
    reserved = await a_ticket(api.database)
    await api.database.execute("test", "update ticket set reserved_for = 99 where id = $1", reserved.ticket_id)
    for lease, why in ((french, "lacks french"), (reserved, "is not the agent that the ticket is reserved for")):
        refused = await take(grace, lease)
        assert (refused.status, refused.json["detail"]) == (
            403,
            f"You cannot take ticket {lease.ticket_id}: Grace {why}.",
        )


async def test_who_is_away_or_draining_takes_nothing(api: Api, agent: Agent, grace: Caller):
    waiting = await a_ticket(api.database)
    await grace.get("/v1/me/tickets")
    await api.database.execute("test", "update presence set status = 'away' where agent_id = $1", agent.id)
    assert "Grace is away" in (await take(grace, waiting)).json["detail"]
    await api.lead.drain(Actor(role=Role.ADMIN), "Grace", is_draining=True)
    assert "Grace is draining" in (await take(grace, waiting)).json["detail"]


async def test_who_has_no_room_takes_nothing(api: Api, grace: Caller):
    chats = [await a_ticket(api.database, channel="chat") for _ in range(2)]
    answers = [await take(grace, lease) for lease in chats]
    assert [answer.status for answer in answers] == [200, 403]
    assert "Grace has no room: carries 2 of 3, and chat weighs 2" in answers[1].json["detail"]


async def test_agent_who_takes_two_at_the_same_time_never_carries_more_than_they_can(api: Api, grace: Caller):
    await grace.get("/v1/me/tickets")  # a sign of life: whoever takes something writes to the presence
    chats = [await a_ticket(api.database, channel="chat") for _ in range(2)]
    async with asyncio.TaskGroup() as both, api.database.transaction("test") as connection:
        await connection.execute("select from presence for update")
        takes = [both.create_task(take(grace, lease)) for lease in chats]
        await waiting_for_locks(api.database, count=2)
    assert sorted(answer.result().status for answer in takes) == [200, 403]


async def test_queues_and_tickets_of_another_team_are_like_those_that_do_not_exist(api: Api, grace: Caller):
    theirs = await a_ticket(api.database, queue="expert", team="specialists")
    assert (await take(grace, theirs)).status == 404
    assert (await take(grace, Lease(theirs.ticket_id + 1000, 1))).status == 404
    other, none = [await grace.get(f"/v1/queues/{queue}/tickets") for queue in ("expert", "nowhere")]
    assert other.status == none.status == 404
    assert other.json["detail"].replace("expert", "nowhere") == none.json["detail"]


@pytest.mark.parametrize("after", ["1", "x.1", "1.x", "99999999999999999.1", "-1.1"])
async def test_place_that_no_page_ended_with_is_refused_by_name(grace: Caller, after: str):
    refused = await grace.get(f"/v1/queues/general/tickets?after={after}")
    assert (refused.status, refused.json["field"]) == (422, "after")


async def test_admins_and_integrations_take_nothing(api: Api):
    waiting = await a_ticket(api.database)
    for role in (Role.ADMIN, Role.INTEGRATION):
        assert (await take(await api.caller(role), waiting)).status == 403
