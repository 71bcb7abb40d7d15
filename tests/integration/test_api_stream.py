"""An agent's client listens to the stream while tickets come and go."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from router.domain.agent import Agent, Lease, Role, Status
from router.postgres.database import Database
from router.postgres.work.tokens import Tokens
from tests.clients.api import Api
from tests.clients.stream import ENDED, STREAM, Listener, listening
from tests.making.agents import an_agent, declare
from tests.making.builders import a_conversation, a_message, a_ticket, a_token, an_offer

ENDS_WITHIN_S = 5


@pytest.fixture
async def secret(api: Api, grace: Agent) -> str:
    return await a_token(api.database, Role.AGENT, agent=grace)


@pytest.fixture
async def stream(api: Api, secret: str) -> AsyncIterator[Listener]:
    """Grace's stream, after the snapshot of an agent who has nothing in hand."""
    async with listening(api.client, secret) as stream:
        assert (await stream.told()).kind == "snapshot"
        yield stream


async def test_the_snapshot_is_everything_that_the_agent_has_in_hand(api: Api, grace: Agent, secret: str):
    await declare(api.database, grace.id, Status.BUSY, "training")
    assigned = await a_ticket(api.database, held_by=grace)
    offered = await an_offer(api.database, grace, queue="general", channel="chat")
    async with listening(api.client, secret) as stream:
        snapshot = (await stream.told()).data
    assert (snapshot["presence"]["status"], snapshot["presence"]["reason"]) == ("busy", "training")
    assert snapshot["capacity"] == {"used": 2, "limit": 10}
    assert [(held["lease"], held["state"], held["until"]) for held in snapshot["tickets"]] == [
        (str(assigned), "assigned", None)
    ]
    [offer] = snapshot["offers"]
    assert (offer["lease"], offer["queue"], offer["channel"]) == (str(offered), "general", "chat")
    assert datetime.fromisoformat(offer["until"]) - await now(api.database) <= timedelta(seconds=20)


async def test_a_ticket_that_next_gives_is_assigned_on_the_stream(api: Api, secret: str, stream: Listener):
    lease = await a_ticket(api.database)
    await take_next(api, secret)
    assigned = await stream.told()
    assert (assigned.kind, assigned.data["id"], assigned.data["lease"]) == ("assigned", lease.ticket_id, str(lease))
    assert await gist(stream) == ("capacity", {"used": 1, "limit": 10})


async def test_an_offer_comes_with_its_end_and_is_withdrawn(api: Api, grace: Agent, stream: Listener):
    lease = await an_offer(api.database, grace)
    offer = await stream.told()
    assert (offer.kind, offer.data["lease"], offer.data["state"]) == ("offer", str(lease), "offered")
    assert offer.data["until"] is not None
    assert (await stream.told()).kind == "capacity"
    await queue_again(api.database, lease)
    assert await gist(stream) == ("offer_withdrawn", {"id": lease.ticket_id, "lease": str(lease)})


async def test_a_message_of_the_customers_is_told_to_who_holds_the_ticket(api: Api, grace: Agent, secret: str):
    lease = await a_ticket(api.database, held_by=grace)
    conversation = await a_conversation(api.database, lease)
    async with listening(api.client, secret) as stream:
        [before] = (await stream.told()).data["tickets"]
        await a_message(api.database, conversation, "One more thing")
        added = await stream.told()
    assert (added.kind, added.data["id"]) == ("message_added", lease.ticket_id)
    assert added.data["last_customer_at"] > before["last_customer_at"]


async def test_a_ticket_that_is_resolved_is_released(api: Api, grace: Agent, secret: str):
    lease = await a_ticket(api.database, held_by=grace)
    async with listening(api.client, secret) as stream:
        await stream.told()
        headers = {"Authorization": f"Bearer {secret}", "If-Match": f'"{lease}"'}
        async with api.client.post(f"/v1/tickets/{lease.ticket_id}/resolve", headers=headers) as answer:
            assert answer.status == 204
        assert await gist(stream) == ("released", {"id": lease.ticket_id, "lease": str(lease)})


async def test_a_change_of_presence_is_told(api: Api, grace: Agent, stream: Listener):
    await declare(api.database, grace.id, Status.AWAY, "lunch")
    told = await stream.told()
    assert (told.kind, told.data["status"], told.data["reason"]) == ("presence", "away", "lunch")


async def test_the_capacity_of_an_agent_is_their_own_where_they_have_one(api: Api, grace: Agent, secret: str):
    change = """update agent set capacity = 6, weights = '{"chat": 3}' where id = $1"""
    await api.database.execute("test", change, grace.id)
    await a_ticket(api.database, held_by=grace, channel="chat")
    await a_ticket(api.database, held_by=grace)
    async with listening(api.client, secret) as stream:
        assert (await stream.told()).data["capacity"] == {"used": 4, "limit": 6}


async def test_losing_the_stream_loses_nothing(api: Api, secret: str):
    async with listening(api.client, secret) as stream:
        assert (await stream.told()).data["tickets"] == []
    lease = await a_ticket(api.database)
    await take_next(api, secret)
    async with listening(api.client, secret) as stream:
        snapshot = await stream.told()
    assert (snapshot.version, [held["lease"] for held in snapshot.data["tickets"]]) == (1, [str(lease)])


async def test_an_agent_with_two_streams_is_told_on_both(api: Api, grace: Agent, secret: str, stream: Listener):
    async with listening(api.client, secret) as other:
        await other.told()
        await declare(api.database, grace.id, Status.BUSY)
        assert [(await each.told()).kind for each in (stream, other)] == ["presence", "presence"]


async def test_an_agent_is_told_of_own_tickets_only(api: Api, grace: Agent, secret: str):
    alan = await an_agent(api.database, "Alan")
    await a_ticket(api.database, held_by=alan)
    async with listening(api.client, secret) as stream:
        snapshot = (await stream.told()).data
        assert (snapshot["tickets"], snapshot["offers"]) == ([], [])
        await a_ticket(api.database, held_by=alan)
        await an_offer(api.database, alan)
        await declare(api.database, alan.id, Status.BUSY)
        await declare(api.database, grace.id, Status.AWAY)
        told = await stream.told()
    assert (told.version, told.kind, told.data["status"]) == (2, "presence", "away")


async def test_the_stream_of_a_revoked_token_ends(api: Api, grace: Agent, stream: Listener):
    await Tokens(api.database).revoke(f"agent {grace.name}")
    async with asyncio.timeout(ENDS_WITHIN_S):
        assert await stream.told() == ENDED


async def test_the_stream_of_an_expired_token_ends(api: Api, stream: Listener):
    await api.database.execute("test", "update token set expires_at = now()")
    async with asyncio.timeout(ENDS_WITHIN_S):
        assert await stream.told() == ENDED


async def test_only_persons_listen(api: Api):
    answers = [
        await (await api.caller(Role.ADMIN)).get(STREAM),
        await (await api.caller(Role.INTEGRATION)).get(STREAM),
        await api.nobody().get(STREAM),
    ]
    assert [answer.status for answer in answers] == [403, 403, 401]


async def gist(stream: Listener) -> tuple[str | None, object]:
    told = await stream.told()
    return told.kind, told.data


async def take_next(api: Api, secret: str) -> None:
    async with api.client.post("/v1/me/next?wait=5", headers={"Authorization": f"Bearer {secret}"}) as answer:
        assert answer.status == 200


async def queue_again(database: Database, lease: Lease) -> None:
    back = "update ticket set state = 'queued', assigned_to = null, state_until = null where id = $1"
    await database.execute("test", back, lease.ticket_id)


async def now(database: Database) -> datetime:
    [row] = await database.fetch("test", "select now()")
    moment: datetime = row["now"]
    return moment
