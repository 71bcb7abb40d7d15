"""A visitor leaves the chat while its ticket waits or is offered: nobody is kept busy with it."""

import pytest
from prometheus_client import CollectorRegistry

from channels.message import Automatic, Channel
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.database import Database
from router.postgres.intake.ids import ReservedIds
from router.postgres.intake.receive import PostgresIntake
from tests.making.agents import an_agent
from tests.making.intake import MAILROOM, a_receiver
from tests.making.messages import a_message, a_user

POLICY = parse_policy("""
teams: {frontline: {takes: any}}
queues: {live: {team: frontline, mode: push, abandon: true}}
routes: [{name: all, queue: live, target: 1m}]
triage: {bias: -1}
""")
ASKS = a_message(a_user(), channel=Channel.CHAT, key="session")
LEAVES = a_message(a_user(), text="", channel=Channel.CHAT, key="session", automatic=Automatic.LEFT)
OFFER = """
    update ticket
    set state = 'offered', assigned_to = $1, lease_epoch = 1, state_until = now() + interval '20 seconds'"""


@pytest.mark.parametrize("is_offered", [False, True])
async def test_a_ticket_nobody_waits_for_any_more_is_nobodys(database: Database, is_offered: bool):
    registry = CollectorRegistry()
    agent = await an_agent(database, teams=["frontline"])
    receiver = a_receiver(PostgresIntake(database), policy=lambda: POLICY, metrics=Metrics(registry))
    await receiver.take([MAILROOM.deliver(ASKS)])
    if is_offered:
        await database.execute("test", OFFER, agent.id)
    await receiver.take([MAILROOM.deliver(LEAVES)])
    [ticket] = await database.fetch("test", "select state, assigned_to, state_until from ticket")
    assert tuple(ticket) == ("abandoned", None, None)
    counted = registry.get_sample_value("router_offers_total", {"queue": "live", "outcome": "withdrawn"})
    assert counted == (1 if is_offered else None)


def test_ids_that_one_batch_counts_on_are_not_promised_to_another():
    ids = ReservedIds()
    assert ids.promise(3) == [3] * 4
    assert ids.promise(2) == [5] * 4
    ids.keep({kind: range(1, 4) for kind in ("customer", "conversation", "ticket", "message")})
    ids.redeem(3)
    ids.redeem(2)
    assert [ids.message(), ids.message()] == [1, 2]
    assert ids.promise(2) == [0, 0, 0, 1]
