"""Push, pull and `why` agree about an agent and a ticket on a real PostgreSQL, one fact at a time.

`tests/properties/test_who_may_properties.py` goes through all combinations of facts, without a database.
"""

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import Actor
from router.domain.agent import Role, Status
from router.domain.customer import AgentId
from router.domain.errors import Refused
from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.flow.assign.claims import Claims
from router.flow.work.lead import Lead
from router.metrics import Metrics
from router.postgres import groups
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.presence import PostgresPresence
from router.postgres.database import Database
from router.postgres.work.lead import PostgresLead
from tests.making.agents import an_agent, declare
from tests.making.claiming import NO_WAIT
from tests.making.dispatching import POLICY, RESERVE, dispatch, offered
from tests.making.running import running
from tests.making.tickets import a_requirement, queue_ticket

ADMIN = Actor(role=Role.ADMIN)
METRICS = Metrics(CollectorRegistry())
CLEAR = "truncate ticket, ticket_event, refusal, presence, agent_group, agent_team, agent, audit cascade"
DECLINE = """
insert into refusal (ticket_id, agent_id, enqueued_at, at, kind)
select id, $1, enqueued_at, now(), 'declined' from ticket"""
FACTS = {
    "able": "select $1::bigint",
    "retired": "update agent set retired_at = now() where id = $1",
    "in another team": "update agent_team set team = 'other' where agent_id = $1",
    "in no team": "delete from agent_team where agent_id = $1",
    "unskilled": "update agent set skills = '{}' where id = $1",
    "draining": "update agent set is_draining = true where id = $1",
    "away": "update presence set status = 'away' where agent_id = $1",
    "never seen": "delete from presence where agent_id = $1",
    "lost": "update presence set seen_at = now() - interval '91 seconds' where agent_id = $1",
    "full": "update agent set capacity = 0 where id = $1",
    "declined": DECLINE,
}
# by the agent that the ticket is reserved for; one that is reserved for Grace asks her for no skills
WHO_CAN = {None: {"able", "declined"}, "Grace": {"able", "declined", "unskilled"}, "Alan": set()}


@pytest.mark.parametrize("reserved_for", WHO_CAN)
async def test_push_offers_a_ticket_exactly_when_why_names_no_obstacle(database: Database, reserved_for: str | None):
    requirement = a_requirement(queue="live", team="frontline", skills=("german",))
    who_can = set()
    for fact in FACTS:
        grace, ticket_id = await furnish(database, fact, requirement, reserved_for=reserved_for)
        told = await why_not(database, ticket_id)
        await dispatch(database)
        # Grace is offered again what she declined, since nobody else can take it
        is_able = told is None or told.startswith("declined it")
        assert await offered(database) == ({ticket_id: grace} if is_able else {}), (fact, told)
        who_can |= {fact} if is_able else set()
    assert who_can == WHO_CAN[reserved_for]


@pytest.mark.parametrize("reserved_for", WHO_CAN)
async def test_pull_gives_a_ticket_exactly_when_why_names_no_obstacle(database: Database, reserved_for: str | None):
    requirement = a_requirement(queue="asked", team="frontline", skills=("german",))
    who_can = set()
    claims = Claims(PostgresClaims(database), METRICS, policy=lambda: POLICY)
    async with running(claims.run()):
        for fact in FACTS:
            grace, ticket_id = await furnish(database, fact, requirement, reserved_for=reserved_for)
            # the request is a sign of life, and the first one of all makes her available
            await PostgresPresence(database).renew([grace])
            told = await why_not(database, ticket_id)
            assert await is_given(claims, grace) is (told is None), (fact, told)
            who_can |= {fact} if told is None else set()
    assert who_can == WHO_CAN[reserved_for] | ({"never seen", "lost"} if reserved_for != "Alan" else set())


async def furnish(
    database: Database, fact: str, requirement: Requirement, *, reserved_for: str | None
) -> tuple[AgentId, TicketId]:
    """A waiting ticket and Grace, of whom the fact is true; Alan is there too, and has no room."""
    await database.execute("test", CLEAR)
    ticket_id = await queue_ticket(database, requirement)
    ids = {name: (await an_agent(database, name, skills=["german"])).id for name in ("Grace", "Alan")}
    for agent_id in ids.values():
        await declare(database, agent_id, Status.AVAILABLE)
    await database.execute("test", FACTS["full"], ids["Alan"])
    if reserved_for:
        await database.execute("test", RESERVE, ids[reserved_for])
    async with database.transaction("test") as connection:
        await connection.execute(FACTS[fact], ids["Grace"])
        await groups.regroup(connection, ids["Grace"])
    return ids["Grace"], ticket_id


async def why_not(database: Database, ticket_id: TicketId) -> str | None:
    """What a lead is told of Grace; `why` does not list agents outside the ticket's team."""
    lead = Lead(store=PostgresLead(database), policy=lambda: POLICY, metrics=METRICS)
    told = {one.agent: one.why_not for one in (await lead.why(ADMIN, ticket_id)).agents}
    return told.get("Grace", "is outside the team")


async def is_given(claims: Claims, agent_id: AgentId) -> bool:
    try:
        return await claims.next(agent_id, NO_WAIT) is not None
    except Refused:
        return False
