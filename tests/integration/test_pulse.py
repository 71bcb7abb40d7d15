"""Nothing of an agent's ends because our own servers were silent: afterwards everybody has their time again."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent
from router.flow.assign.pulse import Attending, Silence
from router.flow.assign.timers import TicketTimers
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.assign.pulse import PostgresPulse
from router.postgres.assign.timers import PostgresTimers
from router.postgres.database import Database
from tests.making.agents import agents_at_work
from tests.making.passing_time import pass_time
from tests.making.tickets import a_requirement, queue_ticket

POLICY = parse_policy("""
assignment: {grace: 30s}
teams: {frontline: {takes: any}}
queues: {live: {team: frontline, mode: push}}
routes: [{name: all, queue: live, target: 1h}]
triage: {bias: -1}
""")
GRACE = POLICY.assignment.grace
LIVE = a_requirement(queue="live", team="frontline", channel="chat")
OUTAGE = timedelta(seconds=100)
BOTH = (Attending.API, Attending.TIMERS)
SILENCES = pytest.mark.parametrize(
    "silent", [(Attending.API,), (Attending.TIMERS,), BOTH], ids=["no API", "no timers", "no database"]
)
TIMES_LEFT = """
    select ticket.state, round(extract(epoch from coalesce(reserved_until, state_until) - now()))::integer as left_s
    from ticket
    order by id"""


@pytest.fixture
def pulse(database: Database) -> PostgresPulse:
    return PostgresPulse(database)


@pytest.fixture
def timers(database: Database) -> TicketTimers:
    return TicketTimers(store=PostgresTimers(database), policy=lambda: POLICY, metrics=Metrics(CollectorRegistry()))


@pytest.fixture
async def agent(database: Database) -> Agent:
    """An agent with an offer of 20 s, an assignment, 40 s of wrap-up, and a ticket reserved for 50 s."""
    [agent] = await agents_at_work(database, 1)
    for state, lasts_s in (("offered", 20), ("assigned", None), ("wrap_up", 40)):
        ticket_id = await queue_ticket(database, LIVE)
        await database.execute(
            "test",
            """
            update ticket
            set state = $2, assigned_to = $3, assigned_at = now(), lease_epoch = 1,
              state_until = now() + make_interval(secs => $4)
            where id = $1""",
            *(ticket_id, state, agent.id, lasts_s),
        )
    reserved = await queue_ticket(database, LIVE)
    sql = "update ticket set reserved_for = $2, reserved_until = now() + interval '50 seconds' where id = $1"
    await database.execute("test", sql, reserved, agent.id)
    return agent


async def beat_all(pulse: PostgresPulse) -> Silence | None:
    """The silence that ends with the last of the beats."""
    return [await pulse.beat(role, GRACE) for role in BOTH][-1]


async def be_silent(database: Database, silent: tuple[Attending, ...], pulse: PostgresPulse) -> None:
    """Let these roles be silent for the length of the outage."""
    await beat_all(pulse)
    await pass_time(database, OUTAGE)
    for role in silent:
        await database.execute("test", f"update pulse set {role}_at = now() - $1::interval", OUTAGE)


async def look(timers: TicketTimers) -> int:
    """Let every timer find what is due; return how much that was."""
    return sum([await chunk() for chunk in timers.chunks().values()])


async def left(database: Database) -> list[tuple[str, int | None]]:
    return [tuple(row) for row in await database.fetch("test", TIMES_LEFT)]


@SILENCES
async def test_nothing_ends_during_a_silence_and_everybody_has_their_time_again_after_it(
    database: Database, pulse: PostgresPulse, timers: TicketTimers, agent: Agent, silent
):
    await be_silent(database, silent, pulse)
    assert await look(timers) == 0
    for role in set(BOTH) - set(silent):  # beats on alone
        assert await pulse.beat(role, GRACE) is None
        assert await look(timers) == 0
    for role in silent[:-1]:
        assert await pulse.beat(role, GRACE) is None
        assert await look(timers) == 0
    silence = await pulse.beat(silent[-1], GRACE)
    assert isinstance(silence, Silence)
    assert silence.lasted_s == pytest.approx(100, abs=3)
    assert await left(database) == [("offered", 20), ("assigned", None), ("wrap_up", 40), ("queued", 50)]
    assert await look(timers) == 0
    await pass_time(database, GRACE - timedelta(seconds=5))
    assert await look(timers) == 1  # the offer
    await pass_time(database, timedelta(seconds=10))
    assert await look(timers) == 3


async def test_the_time_is_given_back_once(database: Database, pulse: PostgresPulse, agent: Agent):
    await be_silent(database, BOTH, pulse)
    assert await beat_all(pulse)
    given = await left(database)
    assert await beat_all(pulse) is None
    assert await left(database) == given


async def test_roles_that_come_back_one_after_the_other_give_back_the_whole_silence(
    database: Database, pulse: PostgresPulse, agent: Agent
):
    await be_silent(database, (Attending.API,), pulse)
    await database.execute("test", "update pulse set timers_at = now() - interval '50 seconds'")
    assert await pulse.beat(Attending.API, GRACE) is None
    silence = await pulse.beat(Attending.TIMERS, GRACE)
    assert silence
    assert silence.lasted_s == pytest.approx(100, abs=3)


async def test_who_was_gone_before_the_silence_stays_gone(
    database: Database, pulse: PostgresPulse, timers: TicketTimers, agent: Agent
):
    await database.execute("test", "update presence set seen_at = now() - $1::interval", GRACE + timedelta(seconds=1))
    await be_silent(database, BOTH, pulse)
    assert await beat_all(pulse)
    assert await look(timers) == 4


@pytest.mark.parametrize("beaten", [None, *BOTH])
async def test_a_role_that_has_never_beaten_is_not_missed(
    database: Database, pulse: PostgresPulse, timers: TicketTimers, agent: Agent, beaten
):
    if beaten:
        assert await pulse.beat(beaten, GRACE) is None
    await pass_time(database, OUTAGE)
    assert await look(timers) == 4
