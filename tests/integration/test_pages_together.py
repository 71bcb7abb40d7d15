"""Pages that many ask for are read in one statement, and each is what its own reader may see."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import Viewer
from router.domain.agent import Agent
from router.domain.errors import StoreUnavailable
from router.metrics import Metrics
from router.postgres.database import Database, connected
from router.postgres.see.reading import PostgresReading
from tests.making.agents import an_agent
from tests.making.builders import a_customer, a_ticket


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
async def database(database_url: str, metrics: Metrics) -> AsyncIterator[Database]:
    async with connected(database_url, metrics, size=3, name="test") as database:
        yield database


def eyes_of(agent: Agent) -> Viewer:
    """Who sees what row-level security alone shows them: the statement is told of no teams."""
    return Viewer(agent_id=agent.id)


async def test_pages_read_together_are_read_in_one_statement_and_each_with_the_eyes_of_who_asks(
    database: Database, metrics: Metrics
):
    grace = eyes_of(await an_agent(database, "Grace", teams=["frontline"]))
    alan = eyes_of(await an_agent(database, "Alan", teams=["specialists"]))
    admin = Viewer()
    simple = (await a_ticket(database)).ticket_id
    hard = (await a_ticket(database, queue="expert", team="specialists")).ticket_id
    reading = PostgresReading(database)
    pages = await asyncio.gather(*(reading.ticket(*asked) for asked in product((grace, admin, alan), (simple, hard))))
    assert [page and page.ticket.id for page in pages] == [simple, None, simple, hard, None, hard]
    assert metrics.registry.get_sample_value("router_database_seconds_count", {"flow": "reading"}) == 1


async def test_a_page_shows_an_agent_of_their_customer_what_is_theirs_whoever_else_reads_it(database: Database):
    grace = eyes_of(await an_agent(database, "Grace", teams=["frontline"]))
    both = eyes_of(await an_agent(database, "Both", teams=["frontline", "specialists"]))
    customer = await a_customer(database)
    own = (await a_ticket(database, customer_id=customer)).ticket_id
    other = (await a_ticket(database, customer_id=customer, queue="expert", team="specialists")).ticket_id
    reading = PostgresReading(database)
    pages = await asyncio.gather(*(reading.ticket(viewer, own) for viewer in (both, grace, both)))
    shown = [page and {line.id for line in page.customer.open_tickets} for page in pages]
    assert shown == [{own, other}, {own}, {own, other}]


async def test_nobodys_eyes_are_left_to_the_next_statement(database: Database):
    grace = await an_agent(database)
    await a_ticket(database)
    async with database.transaction("test") as connection:
        whose = "select current_user::text, coalesce(current_setting('app.agent_id', true), '') as agent"
        before = await connection.fetchrow(whose)
        await connection.execute("select ticket_page_seen_by($1, 1, null, 50)", grace.id)
        assert await connection.fetchrow(whose) == before


async def test_a_failing_read_fails_all_who_shared_it_and_the_next_one_works(database: Database):
    reading = PostgresReading(database)
    grace = eyes_of(await an_agent(database))
    ticket_id = (await a_ticket(database)).ticket_id
    await database.execute("test", "alter function ticket_page_seen_by rename to gone")
    failed = await asyncio.gather(*(reading.ticket(grace, ticket_id) for _ in range(3)), return_exceptions=True)
    assert [type(told) for told in failed] == [StoreUnavailable] * 3
    await database.execute("test", "alter function gone rename to ticket_page_seen_by")
    page = await reading.ticket(grace, ticket_id)
    assert page
    assert page.ticket.id == ticket_id
