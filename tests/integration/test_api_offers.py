"""Offers over HTTP: an agent sees what is offered, accepts or declines it, and is told what is over."""

import pytest

from router.domain.agent import Agent, Lease
from router.policy.parse import parse_policy
from router.postgres.assign.offers import PostgresDispatch
from tests.clients.api import Api, Caller
from tests.making.agents import agents_at_work
from tests.making.builders import a_ticket
from tests.making.dispatching import a_dispatcher

POLICY = """
teams: {frontline: {takes: any}, other: {takes: any}}
queues: {live: {team: frontline, mode: push}, elsewhere: {team: other}}
routes:
  - {name: mail, when: {channel: email}, queue: elsewhere, target: 4h}
  - {name: rest, queue: live, target: 4h}
triage: {bias: -1}
"""
EXPIRE = "update ticket set state_until = now() - interval '1 second'"


async def offered(api: Api, agents: int = 1) -> tuple[Caller, str, list[Agent]]:
    """The agent to whom a ticket is offered, the lease of the offer as the agent reads it, and all agents."""
    await a_ticket(api.database, queue="live", channel="chat")
    hired = await agents_at_work(api.database, agents)
    policy = parse_policy(POLICY)
    await a_dispatcher(PostgresDispatch(api.database), policy).offer_all()
    caller = await api.agent(hired[0])
    [ticket] = (await caller.get("/v1/me/tickets")).json["tickets"]
    assert ticket["state"] == "offered"
    return caller, ticket["lease"], hired


def path(lease: str, answer: str) -> str:
    return f"/v1/tickets/{Lease.parse(lease).ticket_id}/{answer}"


async def test_accept_answers_with_the_ticket_under_its_new_lease_however_often_it_is_asked(api: Api):
    agent, lease, _ = await offered(api)
    first = await agent.post(path(lease, "accept"), lease=lease)
    assert first.status == 200
    assert first.json["ticket"]["state"] == "assigned"
    assert first.headers["ETag"] == f'"{first.json["lease"]}"'
    assert first.json["lease"] != lease
    again = await agent.post(path(lease, "accept"), lease=lease)
    assert (again.status, again.json["lease"]) == (200, first.json["lease"])
    assert (await agent.post(path(lease, "resolve"), lease=first.json["lease"])).status == 204


async def test_what_is_declined_is_no_longer_there(api: Api):
    agent, lease, _ = await offered(api)
    assert (await agent.post(path(lease, "decline"), lease=lease)).status == 204
    assert (await agent.get("/v1/me/tickets")).json["tickets"] == []


@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_an_expired_offer_cannot_be_answered(api: Api, answer: str):
    agent, lease, _ = await offered(api)
    await api.database.execute("test", EXPIRE)
    refused = await agent.post(path(lease, answer), lease=lease)
    assert refused.status == 409
    number = Lease.parse(lease).ticket_id
    assert (
        refused.json["detail"] == f"The offer has expired: ticket {number} waits again and may be offered to you again."
    )


@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_only_whom_it_is_offered_to_can_answer(api: Api, answer: str):
    _, lease, [_, colleague] = await offered(api, agents=2)
    [stranger] = await agents_at_work(api.database, 1, teams=["other"])
    taken = await (await api.agent(colleague)).post(path(lease, answer), lease=lease)
    elsewhere = await api.agent(stranger)
    hidden = await elsewhere.post(path(lease, answer), lease=lease)
    missing = await elsewhere.post(f"/v1/tickets/4711/{answer}", lease="4711.1")
    assert (taken.status, hidden.status, missing.status) == (409, 404, 404)
    assert "is not offered to you" in taken.json["detail"]
    assert hidden.json["detail"].replace(str(Lease.parse(lease).ticket_id), "4711") == missing.json["detail"]


@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_an_answer_needs_the_lease_of_the_offer(api: Api, answer: str):
    agent, lease, _ = await offered(api)
    assert (await agent.post(path(lease, answer))).status == 428
    ticket_id = Lease.parse(lease).ticket_id
    assert (await agent.post(path(lease, answer), lease=Lease(ticket_id, 7))).status == 409


async def test_an_offer_is_not_worked_on_before_it_is_accepted(api: Api):
    agent, lease, _ = await offered(api)
    refused = await agent.post(path(lease, "resolve"), lease=lease)
    assert refused.status == 409
    assert (await agent.post(path(lease, "accept"), lease=lease)).status == 200
