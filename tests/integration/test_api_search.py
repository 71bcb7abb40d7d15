"""Finding tickets, customers and queues over HTTP."""

import pytest

from channels.message import Handle, HandleKind
from router.domain.agent import Role
from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_customer, a_ticket

PHONE = Handle(kind=HandleKind.PHONE, value="+493012345678")
USER = Handle(kind=HandleKind.USER, value="77", scope="whatsapp")
HANDLES = [
    "ada@example.com",
    "ADA@example.com",
    "email:ada@example.com",
    "%2B49 30 12345678",
    "+49 30 12345678",  # its + is a space in a query
    "phone:%2B493012345678",
    "user:whatsapp:77",
]
NO_HANDLES = [
    "foo",
    "030 12345678",
    "tel:%2B493012345678",
    "phone:ada@",
    "<ada@example.com>",
    "user:77",
    "user::77",
    "user:whatsapp:",
]
BAD_QUERIES = [
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("after=-1", "after"),
    ("after=99999999999999999999", "after"),
    ("state=gone", "state"),
    ("queue=nope", "queue"),
    ("q=seven", "q"),
    ("handle=", "handle"),
    ("handle=%00", "handle"),
    *((f"handle={handle}", "handle") for handle in NO_HANDLES),
    ("colour=red", "colour"),
    ("limit=1&limit=2", "limit"),
    ("%00=1", "\N{REPLACEMENT CHARACTER}"),
]


@pytest.fixture
async def grace(api: Api) -> Caller:
    return await api.agent(await an_agent(api.database))


async def found(caller: Caller, query: str) -> list[int]:
    return [line["id"] for line in (await caller.get(f"/v1/tickets?{query}")).json["tickets"]]


async def test_pages_follow_each_other_newest_first_without_gap(api: Api, grace: Caller):
    made = [(await a_ticket(api.database)).ticket_id for _ in range(5)]
    pages, query = [], "limit=2"
    while query:
        page = (await grace.get(f"/v1/tickets?{query}")).json
        pages.append([line["id"] for line in page["tickets"]])
        query = page["next"] and f"limit=2&after={page['next']}"
    newest_first = made[::-1]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_ticket_that_comes_while_paging_does_not_shift_the_pages(api: Api, grace: Caller):
    made = [(await a_ticket(api.database)).ticket_id for _ in range(4)]
    first = (await grace.get("/v1/tickets?limit=2")).json
    await a_ticket(api.database)
    assert await found(grace, f"limit=2&after={first['next']}") == [made[1], made[0]]


async def test_tickets_and_customers_are_found_by_handle_as_people_write_it(api: Api, grace: Caller):
    customer = await a_customer(api.database, ADA, PHONE, USER)
    theirs = (await a_ticket(api.database, customer_id=customer)).ticket_id
    await a_ticket(api.database)
    for handle in HANDLES:
        customers = (await grace.get(f"/v1/customers?handle={handle}")).json["customers"]
        assert (handle, [card["id"] for card in customers]) == (handle, [customer])
        assert (handle, await found(grace, f"handle={handle}")) == (handle, [theirs])


async def test_tickets_are_found_by_number_state_queue_and_customer(api: Api, grace: Caller):
    waiting, resolved = await a_ticket(api.database), await a_ticket(api.database, state="resolved")
    customer = (await grace.get(f"/v1/tickets/{resolved.ticket_id}")).json["customer"]["id"]
    assert await found(grace, f"q={waiting.ticket_id}") == [waiting.ticket_id]
    assert await found(grace, "q=4000000000") == []
    assert await found(grace, "state=resolved") == [resolved.ticket_id]
    assert await found(grace, f"customer={customer}") == [resolved.ticket_id]
    assert await found(grace, f"customer={customer}&state=queued") == []
    assert await found(grace, "queue=general&state=assigned") == []
    assert await found(grace, "handle=nobody@example.com") == []


async def test_queue_that_the_policy_has_dropped_is_known_to_its_team(api: Api, grace: Caller):
    dropped = (await a_ticket(api.database, queue="dropped", state="resolved")).ticket_id
    assert await found(grace, "queue=dropped") == [dropped]
    assert await found(grace, "queue=dropped&state=queued") == []
    alan = await api.agent(await an_agent(api.database, "Alan", teams=["specialists"]))
    refused = await alan.get("/v1/tickets?queue=dropped")
    assert (refused.status, refused.json["field"]) == (422, "queue")
    assert refused.json["detail"] == "queue is not known: choose one of expert."
    nobody = await api.agent(await an_agent(api.database, "Ada", teams=[]))
    assert await found(nobody, "queue=dropped") == []


async def test_bad_query_is_refused_by_name(grace: Caller):
    for query, field in BAD_QUERIES:
        answer = await grace.get(f"/v1/tickets?{query}")
        assert (query, answer.status, answer.json["field"]) == (query, 422, field)


async def test_what_is_no_handle_is_refused_and_the_answer_says_how_to_write_one(grace: Caller):
    for handle in NO_HANDLES:
        answer = await grace.get(f"/v1/customers?handle={handle}")
        assert (handle, answer.status, answer.json.get("field")) == (handle, 422, "handle")
        assert "name@domain, +49 30 12345678 (the + as %2B), or user:PLATFORM:ID." in answer.json["detail"]
    assert (await grace.get("/v1/customers?handle=%2B493087654321")).json == {"customers": []}


async def test_queues_show_what_waits_and_the_idle_ones_too(api: Api):
    await a_ticket(api.database)
    await a_ticket(api.database)
    queues = (await (await api.caller(Role.ADMIN)).get("/v1/queues")).json["queues"]
    assert [(q["queue"], q["team"], q["waiting"], q["overdue"], q["target_s"]) for q in queues] == [
        ("expert", "specialists", 0, 0, 28800),
        ("general", "frontline", 2, 2, 14400),
    ]
    assert queues[1]["longest_wait_s"] > 0


async def test_resolved_ticket_does_not_wait(api: Api, grace: Caller):
    await a_ticket(api.database, state="resolved")
    assert (await grace.get("/v1/queues")).json["queues"][0]["waiting"] == 0


async def test_ticket_shows_its_lease_to_its_holder_only(api: Api, grace: Caller):
    held = await a_ticket(api.database, held_by=await an_agent(api.database))
    alan = await api.agent(await an_agent(api.database, "Alan"))
    own, other = [await caller.get(f"/v1/tickets/{held.ticket_id}") for caller in (grace, alan)]
    assert (own.headers.get("ETag"), own.json["lease"]) == (f'"{held}"', str(held))
    assert (other.headers.get("ETag"), other.json["lease"]) == (None, None)


async def test_history_says_what_happened_to_the_ticket_and_why(api: Api, grace: Caller):
    held = await a_ticket(api.database, held_by=await an_agent(api.database))
    await grace.post(f"/v1/tickets/{held.ticket_id}/note", lease=held, json={"text": "A friend of the house."})
    await grace.post(f"/v1/tickets/{held.ticket_id}/transfer", lease=held, json={"queue": "general"})
    events = (await grace.get(f"/v1/tickets/{held.ticket_id}/history")).json["events"]
    assert [(event["kind"], event["state"]) for event in events] == [("note", "assigned"), ("queue", "queued")]
    assert events[1]["data"]["reason"] == "transferred"


async def test_merged_ticket_names_the_one_that_has_taken_it_over(api: Api, grace: Caller):
    customer = await a_customer(api.database, ADA)
    into = (await a_ticket(api.database, customer_id=customer)).ticket_id
    held = await a_ticket(api.database, customer_id=customer, held_by=await an_agent(api.database))
    merged = await grace.post(f"/v1/tickets/{held.ticket_id}/merge", lease=held, json={"into": into})
    assert merged.status == 204
    assert (await grace.get(f"/v1/tickets/{held.ticket_id}")).json["ticket"]["merged_into"] == into
    for query in ("limit=2", f"customer={customer}"):
        lines = (await grace.get(f"/v1/tickets?{query}")).json["tickets"]
        assert {line["id"]: line["merged_into"] for line in lines} == {into: None, held.ticket_id: into}
