"""What happened to a ticket, over HTTP: for those who may see the ticket."""

import pytest

from router.domain.agent import Role
from tests.clients.api import running_api
from tests.making.agents import an_agent
from tests.making.builders import a_ticket


async def test_history_tells_what_happened_oldest_first(database_url: str):
    async with running_api(database_url) as api:
        grace = await an_agent(api.database)
        held = await a_ticket(api.database, held_by=grace)
        caller = await api.agent(grace)
        await caller.post(f"/v1/tickets/{held.ticket_id}/note", lease=held, json={"text": "Called."})
        await caller.post(f"/v1/tickets/{held.ticket_id}/transfer", lease=held, json={"queue": "expert"})
        admin = await api.caller(Role.ADMIN)
        events = (await admin.get(f"/v1/tickets/{held.ticket_id}/history")).json["events"]
    assert [(event["kind"], event["state"], event["actor"]) for event in events] == [
        ("note", "assigned", f"agent:{grace.id}"),
        ("queue", "queued", f"agent:{grace.id}"),
    ]
    assert events[1]["data"]["reason"] == "transferred"


@pytest.mark.parametrize("offset", [0, 1_000_000])
async def test_history_of_another_teams_ticket_is_like_that_of_none(database_url: str, offset: int):
    async with running_api(database_url) as api:
        held = await a_ticket(api.database, held_by=await an_agent(api.database))
        caller = await api.agent(await an_agent(api.database, "Alan", teams=["specialists"]))
        answer = await caller.get(f"/v1/tickets/{held.ticket_id + offset}/history")
    assert (answer.status, answer.json["title"]) == (404, "Not found")
