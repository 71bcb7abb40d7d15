"""What time does to tickets, on a real PostgreSQL: each timer alone, several at once, and thousands of tickets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Lease
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Offers
from router.flow.assign.timers import CHUNK, TicketTimers
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy
from router.postgres.assign.offers import PostgresDispatch, PostgresOffers
from router.postgres.assign.timers import PostgresTimers
from router.postgres.database import Database, connected
from tests.making.agents import agents_at_work
from tests.making.dispatching import a_dispatcher
from tests.making.tickets import a_requirement, queue_ticket, queue_tickets

POLICY = parse_policy("""
assignment: {grace: 90s, away_after_missed: 2, offers_at_once: 1000}
teams:
  frontline: {takes: any, overflow_to: [other]}
  other: {takes: any}
queues:
  live: {team: frontline, mode: push}
  sticky: {team: frontline, sticky_for: 10m}
  overflow: {team: other}
routes:
  - name: german
    when: {channel: chat}
    queue: live
    skills: [german]
    target: 1h
    relax:
      - {after: 5m, drop_skills: true}
      - {after: 10m, queue: overflow, target: 2m}
  - {name: all, queue: sticky, target: 1h}
triage: {bias: -1}
""")
LIVE = a_requirement(queue="live", team="frontline", channel="chat")
STICKY = a_requirement(queue="sticky", team="frontline")
NEVER_AWAY = replace(POLICY, assignment=replace(POLICY.assignment, away_after_missed=0))
DEADLINE_S = 60
PLACE = "select id, enqueued_at, due_at, relax_at from ticket order by due_at, id"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def timers(database: Database, registry: CollectorRegistry) -> TicketTimers:
    return a_process(database, registry)


def a_process(
    database: Database, registry: CollectorRegistry | None = None, *, policy: Policy = POLICY
) -> TicketTimers:
    metrics = Metrics(registry or CollectorRegistry())
    return TicketTimers(store=PostgresTimers(database), policy=lambda: policy, metrics=metrics)


async def pass_time(timers: TicketTimers) -> None:
    """Let every timer find what is due now."""
    for chunk in timers.chunks().values():
        while await chunk():
            pass


async def one(database: Database, ticket_id: int) -> dict[str, object]:
    [row] = await database.fetch("test", "select * from ticket where id = $1", ticket_id)
    return dict(row)


async def last_event(database: Database, ticket_id: int) -> tuple[str, str, str, dict[str, object]]:
    sql = "select kind, state, actor, data from ticket_event where ticket_id = $1 order by id desc limit 1"
    [row] = await database.fetch("test", sql, ticket_id)
    return row["kind"], row["state"], row["actor"], json.loads(row["data"])


async def give(database: Database, agent_id: int, state: str, *, ends_in_s: int | None = None) -> None:
    """Let the agent hold every ticket that waits."""
    sql = """
        update ticket
        set
          state = $2, assigned_to = $1, assigned_at = now(), lease_epoch = lease_epoch + 1,
          state_until = now() + make_interval(secs => $3::integer)
        where state = 'queued'"""
    await database.execute("test", sql, agent_id, state, ends_in_s)


async def presence(database: Database, agent_id: int) -> tuple[str, int]:
    [row] = await database.fetch("test", "select status, missed from presence where agent_id = $1", agent_id)
    return row["status"], row["missed"]


async def test_an_offer_that_nobody_answers_returns_to_its_place_and_counts_as_missed(
    database: Database, timers: TicketTimers, registry: CollectorRegistry
):
    ticket_id = await queue_ticket(database, LIVE)
    place = await database.fetch("test", PLACE)
    [agent] = await agents_at_work(database, 1)
    await give(database, agent.id, "offered", ends_in_s=-1)
    await pass_time(timers)
    assert await database.fetch("test", PLACE) == place
    assert (await one(database, ticket_id))["state"] == "queued"
    kind, state, actor, data = await last_event(database, ticket_id)
    assert (kind, state, actor, data["agent"]) == ("expire", "queued", "timers", agent.id)
    assert await presence(database, agent.id) == ("available", 1)
    [refusal] = await database.fetch("test", "select ticket_id, agent_id, enqueued_at, kind from refusal")
    assert tuple(refusal) == (ticket_id, agent.id, place[0]["enqueued_at"], "expired")
    assert registry.get_sample_value("router_offers_total", {"queue": "live", "outcome": "expired"}) == 1


WROTE = """
insert into ticket_event (ticket_id, at, kind, state, actor, data)
select id, now(), 'note', 'assigned', $1, '{}' from ticket where state = 'assigned'"""
GOT_ANOTHER = "update presence set idle_since = now() where agent_id = $1"


@pytest.mark.parametrize(("did", "missed"), [("wrote", 0), ("got another", 0), ("colleague wrote", 1), ("nothing", 1)])
async def test_an_offer_is_not_missed_by_who_works_on_another_ticket(
    database: Database, timers: TicketTimers, did: str, missed: int
):
    [agent, colleague] = await agents_at_work(database, 2)
    await queue_ticket(database, LIVE)
    await give(database, agent.id, "assigned")
    offered = await queue_ticket(database, LIVE)
    await give(database, agent.id, "offered", ends_in_s=-1)
    await database.execute("test", "update ticket set assigned_at = now() - interval '20 s' where id = $1", offered)
    match did:
        case "wrote":
            await database.execute("test", WROTE, f"agent:{agent.id}")
        case "colleague wrote":
            await database.execute("test", WROTE, f"agent:{colleague.id}")
        case "got another":
            await database.execute("test", GOT_ANOTHER, agent.id)
    await pass_time(timers)
    assert await presence(database, agent.id) == ("available", missed)
    assert (await last_event(database, offered))[3]["missed"] is bool(missed)


async def test_who_misses_two_offers_in_a_row_is_away_and_the_rest_is_withdrawn(
    database: Database, timers: TicketTimers, registry: CollectorRegistry
):
    [agent] = await agents_at_work(database, 1)
    await queue_tickets(database, LIVE, count=2)
    await give(database, agent.id, "offered", ends_in_s=-1)
    still_offered = await queue_ticket(database, LIVE)
    await give(database, agent.id, "offered", ends_in_s=60)
    await pass_time(timers)
    assert await presence(database, agent.id) == ("away", 0)
    kind, state, actor, data = await last_event(database, still_offered)
    assert (kind, state, actor, data["reason"]) == ("release", "queued", "timers", "not_available")
    assert (data["cause"], data["policy_version"]) == ("missed_offers", POLICY.version)
    trail = "select actor, action, subject, data from audit where actor = 'timers'"
    [audited] = await database.fetch("test", trail)
    assert tuple(audited)[1:3] == ("presence.set", f"agent:{agent.name}")
    assert json.loads(audited["data"])["status"] == ["available", "away"]
    assert registry.get_sample_value("router_offers_total", {"queue": "live", "outcome": "withdrawn"}) == 1


async def test_offers_with_time_left_and_agents_within_the_grace_time_keep_what_they_have(
    database: Database, timers: TicketTimers
):
    held = [await queue_ticket(database, LIVE)]
    agent, *_ = await agents_at_work(database, 1)
    await give(database, agent.id, "offered", ends_in_s=20)
    held.append(await queue_ticket(database, LIVE))
    await give(database, agent.id, "assigned")
    held.append(await queue_ticket(database, LIVE))
    await give(database, agent.id, "wrap_up", ends_in_s=20)
    await database.execute("test", "update presence set seen_at = now() - interval '80 seconds'")
    await pass_time(timers)
    assert [(await one(database, ticket_id))["assigned_to"] for ticket_id in held] == [agent.id] * 3


@pytest.mark.parametrize(
    ("state", "then", "kind"),
    [("offered", "queued", "release"), ("assigned", "queued", "release"), ("wrap_up", "resolved", "resolve")],
)
async def test_what_a_lost_agent_held_is_released(database: Database, timers: TicketTimers, state, then, kind):
    ticket_id = await queue_ticket(database, LIVE)
    place = await database.fetch("test", PLACE)
    [agent] = await agents_at_work(database, 1)
    await give(database, agent.id, state, ends_in_s=60)
    await database.execute("test", "update presence set seen_at = now() - interval '91 seconds'")
    await pass_time(timers)
    assert await database.fetch("test", PLACE) == place
    ticket = await one(database, ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["state_until"]) == (then, None, None)
    assert (ticket["resolved_at"] is not None) == (then == "resolved")
    event = await last_event(database, ticket_id)
    assert event[:3] == (kind, then, "timers")
    assert (event[3]["reason"], event[3]["agent"]) == ("agent_lost", agent.id)
    assert event[3]["policy_version"] == POLICY.version


RESERVE = "update ticket set reserved_for = $1, reserved_until = now() + interval '1 minute'"


@pytest.mark.parametrize(
    ("change", "is_over"),
    [
        pytest.param("update agent set capacity = 0", False, id="full, but there"),
        pytest.param("update ticket set reserved_until = now()", True, id="long enough"),
        pytest.param("update presence set status = 'busy'", True, id="not available"),
        pytest.param("update presence set seen_at = now() - interval '91 seconds'", True, id="lost"),
        pytest.param("delete from presence", True, id="never seen"),
        pytest.param("update agent set is_draining = true", True, id="draining"),
        pytest.param("update agent set retired_at = now()", True, id="retired"),
        pytest.param("delete from agent_team", True, id="no longer in the ticket's team"),
    ],
)
async def test_a_reservation_lasts_while_its_agent_is_there(database: Database, timers: TicketTimers, change, is_over):
    ticket_id = await queue_ticket(database, STICKY)
    place = await database.fetch("test", PLACE)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", RESERVE, agent.id)
    await database.execute("test", change)
    await pass_time(timers)
    assert (await one(database, ticket_id))["reserved_for"] == (None if is_over else agent.id)
    assert await database.fetch("test", PLACE) == place
    if is_over:
        kind, state, actor, data = await last_event(database, ticket_id)
        assert (kind, state, actor, data["reason"]) == ("relax", "queued", "timers", "reservation_over")
        assert data["policy_version"] == POLICY.version


async def test_wrap_up_ends_in_time(database: Database, timers: TicketTimers):
    ticket_id = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await give(database, agent.id, "wrap_up", ends_in_s=-1)
    await pass_time(timers)
    ticket = await one(database, ticket_id)
    assert (ticket["state"], ticket["assigned_to"]) == ("resolved", None)
    assert ticket["resolved_at"] is not None
    event = await last_event(database, ticket_id)
    assert event[:3] == ("resolve", "resolved", "timers")
    assert (event[3]["reason"], event[3]["agent"]) == ("wrap_up_over", agent.id)


SNOOZE = """
    update ticket
    set state = 'snoozed', state_until = now() + make_interval(secs => $1), reserved_for = $2, relaxed = 2,
      route = $3"""


async def test_a_snoozed_ticket_begins_a_new_wait_reserved_for_whoever_had_it(
    database: Database, timers: TicketTimers, registry: CollectorRegistry
):
    ticket_id = await queue_ticket(database, STICKY)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", SNOOZE, -1, agent.id, "all")
    await pass_time(timers)
    ticket = await one(database, ticket_id)
    assert (ticket["state"], ticket["reserved_for"], ticket["state_until"]) == ("queued", agent.id, None)
    assert (ticket["relaxed"], ticket["relax_at"]) == (0, None)
    waits = "select now() - enqueued_at < interval '1 minute' as is_new, due_at - enqueued_at as target, "
    waits += "reserved_until - enqueued_at as reserved from ticket"
    [row] = await database.fetch("test", waits)
    assert (row["is_new"], row["target"].total_seconds(), row["reserved"].total_seconds()) == (True, 3600, 600)
    kind, state, actor, data = await last_event(database, ticket_id)
    assert (kind, state, actor, data["reason"]) == ("queue", "queued", "timers", "woken")
    labels = {"queue": "sticky", "channel": "email", "reason": "woken"}
    assert registry.get_sample_value("router_tickets_queued_total", labels) == 1


@pytest.mark.parametrize(("route", "first_step_s"), [("german", 300), ("all", None), ("removed", None)])
async def test_a_new_wait_is_relaxed_where_the_ticket_waits_in_its_routes_queue(database, timers, route, first_step_s):
    ticket_id = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", SNOOZE, -1, agent.id, route)
    await pass_time(timers)
    assert (await one(database, ticket_id))["reserved_for"] is None
    [row] = await database.fetch("test", "select extract(epoch from relax_at - enqueued_at)::integer as s from ticket")
    assert row["s"] == first_step_s


async def test_a_snooze_that_is_not_over_goes_on(database: Database, timers: TicketTimers):
    slept, forever = await queue_tickets(database, STICKY, count=2)
    await database.execute("test", SNOOZE, 60, None, "all")
    await database.execute("test", "update ticket set state_until = null where id = $1", forever)
    await pass_time(timers)
    assert [(await one(database, ticket_id))["state"] for ticket_id in (slept, forever)] == ["snoozed", "snoozed"]


WAIT = """
    update ticket
    set
      route = 'german', enqueued_at = now() - make_interval(mins => $1), due_at = now() + interval '1 hour',
      relax_at = now() - make_interval(mins => $1) + interval '5 minutes'"""


async def test_a_long_wait_is_relaxed_step_by_step(database: Database, timers: TicketTimers):
    asked = a_requirement(queue="live", team="frontline", channel="chat", skills=("german",))
    ticket_id = await queue_ticket(database, asked)
    await database.execute("test", WAIT, 6)
    await pass_time(timers)
    ticket = await one(database, ticket_id)
    assert (ticket["queue"], ticket["skills"], ticket["relaxed"]) == ("live", [], 1)
    assert ticket["relax_at"] == ticket["enqueued_at"] + POLICY.routes[0].relax[1].after
    kind, state, actor, data = await last_event(database, ticket_id)
    assert (kind, state, actor, data["skills"], data["was"]["skills"]) == ("relax", "queued", "timers", [], ["german"])
    await database.execute("test", WAIT, 11)
    await pass_time(timers)
    ticket = await one(database, ticket_id)
    assert (ticket["queue"], ticket["team"], ticket["relax_at"]) == ("overflow", "other", None)
    [row] = await database.fetch("test", "select extract(epoch from due_at - enqueued_at)::integer as s from ticket")
    assert row["s"] == 720
    [group] = await database.fetch("test", "select * from skill_group where id = $1", ticket["group_id"])
    assert (group["queue"], group["team"], group["skills"]) == ("overflow", "other", [])


async def test_a_ticket_relaxed_into_another_queue_waits_for_nobody_in_particular(database, timers):
    ticket_id = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", RESERVE, agent.id)
    await database.execute("test", WAIT, 11)
    await timers.relax()
    assert (await one(database, ticket_id))["reserved_for"] is None


async def test_what_somebody_is_writing_to_is_left_to_the_next_round(database: Database, timers: TicketTimers):
    locked, free = await queue_tickets(database, LIVE, count=2)
    [agent] = await agents_at_work(database, 1)
    await give(database, agent.id, "offered", ends_in_s=-1)
    async with database.transaction("test") as connection:
        await connection.execute("select from ticket where id = $1 for update", locked)
        await pass_time(timers)
        assert [(await one(database, ticket_id))["state"] for ticket_id in (locked, free)] == ["offered", "queued"]
    await pass_time(timers)
    assert (await one(database, locked))["state"] == "queued"


DECLINED, EXPIRED, LOST = 1000, 4500, 4500
SPREAD = """
    update ticket
    set
      state = 'offered', assigned_at = now(), lease_epoch = 1,
      assigned_to = case when id % 20 < 2 then $1::bigint when id % 20 < 11 then $2::bigint else $3::bigint end,
      state_until = now() + make_interval(secs => case when id % 20 between 2 and 10 then -1 else 600 end)"""
LOSE = "update presence set seen_at = now() - interval '1 day' where agent_id = $1"
GO = "update presence set status = 'busy'"


async def test_ten_thousand_declines_expiries_and_disconnects_change_no_place(database_url: str, database: Database):
    await queue_tickets(database, LIVE, count=DECLINED + EXPIRED + LOST)
    place = await database.fetch("test", PLACE)
    declining, missing, leaving = await agents_at_work(database, 3)
    await database.execute("test", SPREAD, declining.id, missing.id, leaving.id)
    await database.execute("test", LOSE, leaving.id)
    async with two_processes(database_url) as processes, asyncio.timeout(DEADLINE_S):
        await asyncio.gather(decline_all(database, declining), *map(pass_time, processes))
    await pass_time(a_process(database, policy=NEVER_AWAY))
    assert await database.fetch("test", PLACE) == place
    kinds = "select kind, count(*) from ticket_event group by kind"
    assert dict(await database.fetch("test", kinds)) == {"decline": DECLINED, "expire": EXPIRED, "release": LOST}
    await database.execute("test", GO)
    await agents_at_work(database, 1, limit=200)
    await a_dispatcher(PostgresDispatch(database), POLICY).offer_all()
    offered = await database.fetch("test", "select id from ticket where state = 'offered' order by due_at, id")
    assert [row["id"] for row in offered] == [row["id"] for row in place[:200]]


@asynccontextmanager
async def two_processes(url: str) -> AsyncIterator[list[TicketTimers]]:
    metrics = Metrics(CollectorRegistry())
    async with (
        connected(url, metrics, size=2, name="test") as one_of_two,
        connected(url, metrics, size=2, name="test") as other,
    ):
        yield [a_process(process, policy=NEVER_AWAY) for process in (one_of_two, other)]


async def decline_all(database: Database, agent: Agent) -> None:
    offers = Offers(store=PostgresOffers(database), metrics=Metrics(CollectorRegistry()))
    for row in await database.fetch("test", "select id from ticket where assigned_to = $1", agent.id):
        await offers.decline(Hold(agent=agent, lease=Lease(row["id"], 1)))


async def test_several_processes_relax_every_ticket_once(database_url: str, database: Database):
    count = 3 * CHUNK + 1
    asked = a_requirement(queue="live", team="frontline", channel="chat", skills=("german",))
    await queue_tickets(database, asked, count=count)
    await database.execute("test", WAIT, 11)
    async with two_processes(database_url) as processes, asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*map(pass_time, processes))
    await pass_time(a_process(database))
    where = "select queue, count(*) from ticket join skill_group using (queue, team) where group_id = skill_group.id"
    assert dict(await database.fetch("test", f"{where} group by queue")) == {"overflow": count}
    assert (await database.fetch("test", "select count(*) from ticket_event"))[0]["count"] == count
