"""Offers on a real PostgreSQL: who gets them, and what answers do."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Lease
from router.domain.errors import Conflict, NotFound
from router.domain.ticket import TicketId
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Offers
from router.metrics import Metrics
from router.postgres.assign.offers import PostgresOffers
from router.postgres.database import Database
from tests.making.agents import agents_at_work
from tests.making.dispatching import LIVE, POLICY, RESERVE, dispatch, offered
from tests.making.tickets import a_requirement, queue_ticket, queue_tickets

RARE = replace(LIVE, skills=("rare",))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def offers(database: Database, registry: CollectorRegistry) -> Offers:
    return Offers(store=PostgresOffers(database), metrics=Metrics(registry))


async def one(database: Database, ticket_id: int) -> dict[str, object]:
    [row] = await database.fetch("test", "select * from ticket where id = $1", ticket_id)
    return dict(row)


async def events(database: Database, ticket_id: int) -> list[tuple[str, dict[str, object]]]:
    sql = "select kind, data from ticket_event where ticket_id = $1 order by id"
    return [(row["kind"], json.loads(row["data"])) for row in await database.fetch("test", sql, ticket_id)]


async def the_offer(database: Database, agent: Agent, ticket_id: TicketId) -> Hold:
    """The agent's word for what is offered to them now."""
    epoch = (await one(database, ticket_id))["lease_epoch"]
    return Hold(agent=agent, lease=Lease(ticket_id, epoch))


async def test_what_waits_in_a_push_queue_is_offered_with_the_reasons(database: Database):
    ticket_id = await queue_ticket(database, LIVE)
    longest_idle, other, full = await agents_at_work(database, 3)
    await database.execute("test", "update agent set capacity = 0 where id = $1", full.id)
    await dispatch(database)
    assert await offered(database) == {ticket_id: longest_idle.id}
    [(kind, data)] = await events(database, ticket_id)
    assert kind == "offer"
    assert data["by"] == "longest-idle"
    assert data["agent"] == longest_idle.id
    assert data["why_not"] == {str(other.id): "not_first", str(full.id): "no_room"}
    assert data["policy_version"] == POLICY.version


async def test_an_offer_lasts_as_long_as_its_queue_says(database: Database):
    [quick] = await queue_tickets(database, LIVE, count=1)
    [slow] = await queue_tickets(database, a_requirement(queue="even", team="frontline"), count=1)
    await agents_at_work(database, 1)
    await dispatch(database)
    lasts = "select id, extract(epoch from state_until - assigned_at)::integer from ticket"
    assert dict(await database.fetch("test", lasts)) == {quick: 20, slow: 30}


async def test_pull_queues_and_other_teams_are_left_alone(database: Database):
    await queue_ticket(database, a_requirement(queue="asked", team="frontline"))
    await queue_ticket(database, a_requirement(queue="elsewhere", team="other"))
    await agents_at_work(database, 1)
    await dispatch(database)
    assert await offered(database) == {}


async def test_tickets_are_offered_due_first_as_far_as_there_is_room(database: Database):
    tickets = await queue_tickets(database, LIVE, count=50)
    agents = await agents_at_work(database, 3, limit=4)
    await dispatch(database)
    given = await offered(database)
    assert sorted(given) == tickets[:12]
    assert Counter(given.values()) == {agent.id: 4 for agent in agents}
    assert [given[ticket_id] for ticket_id in tickets[:3]] == [agent.id for agent in agents]


async def test_a_full_groups_backlog_holds_up_no_other_group(database: Database):
    await queue_tickets(database, RARE, count=2000)
    wanted = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await dispatch(database)
    assert await offered(database) == {wanted: agent.id}


async def test_a_reserved_ticket_is_offered_to_its_agent_only_and_is_anybodys_once_declined(
    database: Database, offers: Offers
):
    [ticket_id] = await queue_tickets(database, LIVE, count=1)
    idle, wanted, _ = await agents_at_work(database, 3)
    await database.execute("test", RESERVE, wanted.id)
    await dispatch(database)
    assert await offered(database) == {ticket_id: wanted.id}
    await offers.decline(await the_offer(database, wanted, ticket_id))
    await dispatch(database)
    assert await offered(database) == {ticket_id: idle.id}


async def test_a_reserved_ticket_is_offered_to_its_agent_whatever_skills_they_have(database: Database):
    ticket_id = await queue_ticket(database, RARE)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", RESERVE, agent.id)
    await queue_ticket(database, RARE)
    await dispatch(database)
    assert await offered(database) == {ticket_id: agent.id}


async def test_a_reserved_ticket_is_not_offered_to_an_agent_of_another_team(database: Database):
    await queue_ticket(database, LIVE)
    [stranger] = await agents_at_work(database, 1, teams=["other"])
    await database.execute("test", RESERVE, stranger.id)
    await dispatch(database)
    assert await offered(database) == {}


async def test_accepting_makes_it_the_agents_under_a_new_lease(
    database: Database, offers: Offers, registry: CollectorRegistry
):
    ticket_id = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", "update presence set missed = 1")
    await dispatch(database)
    hold = await the_offer(database, agent, ticket_id)
    await offers.accept(hold)
    ticket = await one(database, ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["is_seen"]) == ("assigned", agent.id, True)
    assert (ticket["lease_epoch"], ticket["state_until"]) == (hold.lease.epoch + 1, None)
    assert [row["missed"] for row in await database.fetch("test", "select missed from presence")] == [0]
    assert [kind for kind, _ in await events(database, ticket_id)] == ["offer", "accept"]
    labels = {"queue": "live", "outcome": "accepted"}
    assert registry.get_sample_value("router_offers_total", labels) == 1
    assert registry.get_sample_value("router_offer_accept_seconds_count", {"queue": "live"}) == 1


async def test_accepting_again_after_a_lost_answer_changes_nothing(database: Database, offers: Offers):
    ticket_id = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await dispatch(database)
    hold = await the_offer(database, agent, ticket_id)
    await offers.accept(hold)
    before = await one(database, ticket_id)
    await offers.accept(hold)
    assert await one(database, ticket_id) == before


async def test_what_is_declined_keeps_its_place_and_goes_to_the_next_agent(database: Database, offers: Offers):
    ticket_id = await queue_ticket(database, LIVE)
    first, second = await agents_at_work(database, 2)
    before = await one(database, ticket_id)
    await dispatch(database)
    await offers.decline(await the_offer(database, first, ticket_id))
    waiting = await one(database, ticket_id)
    assert waiting["state"] == "queued"
    assert (waiting["enqueued_at"], waiting["due_at"]) == (before["enqueued_at"], before["due_at"])
    await dispatch(database)
    assert await offered(database) == {ticket_id: second.id}
    [*_, (_, data)] = await events(database, ticket_id)
    assert data["why_not"] == {str(first.id): "refused"}


async def test_who_declined_is_asked_again_only_when_nobody_else_is_there(database: Database, offers: Offers):
    ticket_id = await queue_ticket(database, LIVE)
    [agent, other] = await agents_at_work(database, 2)
    await database.execute("test", "update presence set status = 'busy' where agent_id = $1", other.id)
    await dispatch(database)
    await offers.decline(await the_offer(database, agent, ticket_id))
    await dispatch(database)
    assert await offered(database) == {ticket_id: agent.id}


async def test_a_refusal_counts_for_its_wait_only(database: Database, offers: Offers):
    ticket_id = await queue_ticket(database, LIVE)
    agent, other = await agents_at_work(database, 2)
    await dispatch(database)
    await offers.decline(await the_offer(database, agent, ticket_id))
    await database.execute("test", "update ticket set enqueued_at = now()")
    await database.execute("test", "update presence set idle_since = now() where agent_id = $1", other.id)
    await dispatch(database)
    assert await offered(database) == {ticket_id: agent.id}


EXPIRE = "update ticket set state_until = now() - interval '1 second'"
WITHDRAW = "update ticket set state = 'queued', assigned_to = null, state_until = null"
OFFER_ANEW = "update ticket set lease_epoch = lease_epoch + 1"


@pytest.mark.parametrize("answer", ["accept", "decline"])
@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        pytest.param(EXPIRE, "has expired", id="expired"),
        pytest.param(WITHDRAW, "is not offered to you (it is queued)", id="withdrawn"),
        pytest.param(OFFER_ANEW, "earlier offer", id="offered anew"),
    ],
)
async def test_an_offer_that_is_over_cannot_be_answered(database, offers, answer, meanwhile, said):
    ticket_id = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await dispatch(database)
    hold = await the_offer(database, agent, ticket_id)
    await database.execute("test", meanwhile)
    before = await one(database, ticket_id)
    with pytest.raises(Conflict, match=said.replace("(", r"\(").replace(")", r"\)")):
        await getattr(offers, answer)(hold)
    assert await one(database, ticket_id) == before


@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_other_peoples_offers_cannot_be_answered(database, offers, answer):
    ticket_id = await queue_ticket(database, LIVE)
    agent, colleague = await agents_at_work(database, 2)
    await dispatch(database)
    offer = await the_offer(database, agent, ticket_id)
    stranger = Agent(id=colleague.id, name="stranger", teams=frozenset(["other"]))
    with pytest.raises(Conflict, match="not offered to you"):
        await getattr(offers, answer)(Hold(agent=colleague, lease=offer.lease))
    with pytest.raises(NotFound):
        await getattr(offers, answer)(Hold(agent=stranger, lease=offer.lease))
