"""The transcript of a ticket: in the order of arrival, whatever clocks said, and a page at a time both ways."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import a_conversation, a_message, a_ticket
from tests.making.moments import NOON


@pytest.fixture
async def grace(api: Api) -> Caller:
    return await api.agent(await an_agent(api.database))


async def a_transcript(api: Api, count: int) -> tuple[int, list[int]]:
    """A ticket with so many messages, and their ids in order of arrival. Each is dated before the one before it."""
    lease = await a_ticket(api.database)
    conversation = await a_conversation(api.database, lease)
    dates = [NOON - timedelta(days=day) for day in range(count)]
    return lease.ticket_id, [await a_message(api.database, conversation, sent_at=date) for date in dates]


async def asked(caller: Caller, ticket_id: int, query: str = "") -> tuple[Sequence[int], str | None, str | None]:
    """The ids on a page, and where it leads."""
    answer = await caller.get(f"/v1/tickets/{ticket_id}/transcript{query}")
    assert answer.status == 200, answer.json
    return [entry["id"] for entry in answer.json["entries"]], answer.json["older"], answer.json["newer"]


async def test_a_message_dated_years_back_is_the_last_one_on_a_full_page(api: Api, grace: Caller):
    ticket_id, ids = await a_transcript(api, 55)
    page = (await grace.get(f"/v1/tickets/{ticket_id}")).json
    assert [entry["id"] for entry in page["transcript"]] == ids[5:]
    assert (await asked(grace, ticket_id, f"?before={page['transcript_before']}"))[0] == ids[:5]


async def test_a_page_with_the_whole_transcript_leads_to_no_other(api: Api, grace: Caller):
    ticket_id, ids = await a_transcript(api, 50)
    page = (await grace.get(f"/v1/tickets/{ticket_id}")).json
    assert ([entry["id"] for entry in page["transcript"]], page["transcript_before"]) == (ids, None)
    assert await asked(grace, ticket_id) == (ids, None, None)


async def test_every_entry_is_found_from_the_end_to_the_start_and_back(api: Api, grace: Caller):
    ticket_id, ids = await a_transcript(api, 7)
    last, older, end = await asked(grace, ticket_id, "?limit=3")
    assert (last, end) == (ids[4:], None)
    middle, oldest, newer = await asked(grace, ticket_id, f"?limit=3&before={older}")
    assert (middle, await asked(grace, ticket_id, f"?limit=3&after={newer}")) == (ids[1:4], (last, older, None))
    first, start, newer = await asked(grace, ticket_id, f"?limit=3&before={oldest}")
    assert (first, start) == (ids[:1], None)
    assert (await asked(grace, ticket_id, f"?limit=3&after={newer}"))[:2] == (middle, oldest)
    assert await asked(grace, ticket_id, "?after=9000000000000000.1") == ([], None, None)


async def test_a_transcript_without_entries_is_an_empty_page(api: Api, grace: Caller):
    assert await asked(grace, (await a_ticket(api.database)).ticket_id) == ([], None, None)


async def test_a_page_lies_on_one_side_of_an_entry(api: Api, grace: Caller):
    ticket_id, _ = await a_transcript(api, 1)
    answer = await grace.get(f"/v1/tickets/{ticket_id}/transcript?before=3.3&after=1.1")
    assert (answer.status, answer.json["field"]) == (422, "after")
