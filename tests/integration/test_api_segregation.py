"""Teams do not see each other's tickets: not over HTTP, and not by row-level security alone."""

from dataclasses import dataclass

import pytest

from router.domain.actor import Viewer
from router.domain.agent import Agent, Lease, Role
from router.flow.see.tickets import Filter
from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_conversation, a_customer, a_message, a_ticket

MISSING = 4_000_000_000


@dataclass(frozen=True)
class Theirs:
    """A customer who is the specialists' alone."""

    ticket: Lease
    customer_id: int


@pytest.fixture
async def theirs(api: Api) -> Theirs:
    customer = await a_customer(api.database, ADA)
    ticket = await a_ticket(
        api.database, customer_id=customer, queue="expert", team="specialists", subject="secret subject"
    )
    await a_message(api.database, await a_conversation(api.database, ticket), "secret text")
    return Theirs(ticket, customer)


@pytest.fixture
async def grace(api: Api) -> Agent:
    return await an_agent(api.database, "Grace", teams=["frontline"])


async def seen(caller: Caller, theirs: Theirs) -> dict[str, object]:
    """What a caller finds of the other team's ticket and customer, place by place."""
    ticket = await caller.get(f"/v1/tickets/{theirs.ticket.ticket_id}")
    customer = await caller.get(f"/v1/customers/{theirs.customer_id}")
    by_customer = await caller.get(f"/v1/tickets?customer={theirs.customer_id}")
    by_handle = await caller.get(f"/v1/tickets?handle={ADA.value}")
    by_number = await caller.get(f"/v1/tickets?q={theirs.ticket.ticket_id}")
    in_queue = await caller.get("/v1/tickets?queue=expert")
    customers = await caller.get(f"/v1/customers?handle={ADA.value}")
    queues = await caller.get("/v1/queues")
    return {
        "statuses": (ticket.status, customer.status),
        "tickets": [len(found.json.get("tickets", ())) for found in (by_customer, by_handle, by_number, in_queue)],
        "customers": len(customers.json["customers"]),
        "queues": [queue["queue"] for queue in queues.json["queues"]],
    }


async def test_agent_finds_nothing_of_another_team(api: Api, grace: Agent, theirs: Theirs):
    assert await seen(await api.agent(grace), theirs) == {
        "statuses": (404, 404),
        "tickets": [0, 0, 0, 0],
        "customers": 0,
        "queues": ["general"],
    }


async def test_lead_finds_nothing_of_another_team(api: Api, grace: Agent, theirs: Theirs):
    assert (await seen(await api.caller(Role.LEAD, grace), theirs))["tickets"] == [0, 0, 0, 0]


@pytest.mark.parametrize("role", [Role.AGENT, Role.LEAD])
async def test_people_of_the_team_find_it_everywhere(api: Api, theirs: Theirs, role: Role):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    assert await seen(await api.caller(role, alan), theirs) == {
        "statuses": (200, 200),
        "tickets": [1, 1, 1, 1],
        "customers": 1,
        "queues": ["expert"],
    }


async def test_admin_finds_everything(api: Api, theirs: Theirs):
    assert await seen(await api.caller(Role.ADMIN), theirs) == {
        "statuses": (200, 200),
        "tickets": [1, 1, 1, 1],
        "customers": 1,
        "queues": ["expert", "general"],
    }


async def test_history_of_another_teams_ticket_is_not_there(api: Api, grace: Agent, theirs: Theirs):
    own = await api.agent(await an_agent(api.database, "Alan", teams=["specialists"]))
    other = await api.agent(grace)
    await own.post("/v1/me/next")
    path = f"/v1/tickets/{theirs.ticket.ticket_id}/history"
    assert [(await caller.get(path)).status for caller in (own, other)] == [200, 404]
    assert await api.reading.history(Viewer(agent_id=grace.id, teams=None), theirs.ticket.ticket_id) == []


@pytest.mark.parametrize("place", ["tickets", "customers"])
async def test_what_is_another_teams_is_answered_like_what_is_not_there(
    api: Api, grace: Agent, theirs: Theirs, place: str
):
    caller = await api.agent(grace)
    existing = theirs.ticket.ticket_id if place == "tickets" else theirs.customer_id
    other, none = [await caller.get(f"/v1/{place}/{number}") for number in (existing, MISSING)]
    assert other.status == none.status == 404
    assert other.json["detail"].replace(str(existing), "N") == none.json["detail"].replace(str(MISSING), "N")


async def test_row_level_security_alone_hides_other_teams(api: Api, grace: Agent, theirs: Theirs):
    unconditioned = Viewer(agent_id=grace.id, teams=None)
    assert await api.reading.ticket(unconditioned, theirs.ticket.ticket_id) is None
    assert await api.reading.tickets(unconditioned, Filter()) == []
    assert await api.reading.tickets(unconditioned, Filter(handle=ADA.value)) == []
    assert await api.reading.queues(unconditioned) == []
    assert await api.reading.customer(unconditioned, theirs.customer_id) is None
    assert await api.reading.customers_by_handle(unconditioned, ADA.value) == []


async def test_row_level_security_alone_shows_what_is_ones_own(api: Api, theirs: Theirs):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    page = await api.reading.ticket(Viewer(agent_id=alan.id, teams=None), theirs.ticket.ticket_id)
    assert page is not None
    assert [entry.text for entry in page.transcript] == ["secret text"]
    assert len(page.conversations) == 1


@pytest.mark.parametrize("table", ["ticket", "conversation", "message", "ticket_event", "customer", "handle"])
async def test_agents_role_reads_no_row_of_another_team(api: Api, grace: Agent, theirs: Theirs, table: str):
    await api.database.execute(
        "test",
        "insert into ticket_event (ticket_id, at, kind, state, actor) values ($1, now(), 'queue', 'queued', 'intake')",
        theirs.ticket.ticket_id,
    )
    count = f"select count(*) from {table}"
    async with api.database.transaction("test") as connection:
        assert await connection.fetchval(count) == 1
        await connection.execute("select set_config('app.agent_id', $1, true)", str(grace.id))
        await connection.execute("set local role frontdesk_agent")
        assert await connection.fetchval(count) == 0


async def test_connection_is_nobodys_again_after_reading(api: Api, grace: Agent):
    await api.reading.queues(Viewer(agent_id=grace.id, teams=grace.teams))
    [row] = await api.database.fetch(
        "test", "select current_user = session_user, current_setting('app.agent_id', true)"
    )
    assert (row[0], row[1] or "") == (True, "")


async def test_integration_reads_no_tickets(api: Api, theirs: Theirs):
    caller = await api.caller(Role.INTEGRATION)
    paths = [
        f"/v1/tickets/{theirs.ticket.ticket_id}",
        "/v1/tickets",
        "/v1/queues",
        f"/v1/customers/{theirs.customer_id}",
        "/v1/me/tickets",
    ]
    assert {(await caller.get(path)).status for path in paths} == {403}
