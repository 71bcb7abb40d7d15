"""Push queues, a ticket of one of them, and a round of offers, as the tests of offers have them."""

from prometheus_client import CollectorRegistry

from router.flow.assign.offers import Dispatcher, DispatchStore
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy
from router.postgres.assign.offers import PostgresDispatch
from router.postgres.database import Database
from tests.making.tickets import a_requirement

POLICY = parse_policy("""
assignment: {grace: 90s, offers_at_once: 100}
teams: {frontline: {takes: any}, other: {takes: any}}
queues:
  live: {team: frontline, mode: push, offer: {to: longest-idle, for: 20s}}
  even: {team: frontline, mode: push, offer: {to: least-loaded, for: 30s}}
  asked: {team: frontline}
  elsewhere: {team: other}
routes:
  - {name: calm, when: {channel: email}, queue: elsewhere, target: 1h}
  - {name: rest, queue: live, target: 1m}
triage: {bias: -1}
""")
LIVE = a_requirement(queue="live", team="frontline", channel="chat")
RESERVE = "update ticket set reserved_for = $1, reserved_until = now() + interval '1 hour'"


async def dispatch(database: Database) -> None:
    await a_dispatcher(PostgresDispatch(database)).offer_all()


def a_dispatcher(store: DispatchStore, policy: Policy = POLICY) -> Dispatcher:
    return Dispatcher(store=store, policy=lambda: policy, metrics=Metrics(CollectorRegistry()))


async def offered(database: Database) -> dict[int, int]:
    """To whom each ticket is offered now."""
    rows = await database.fetch("test", "select id, assigned_to from ticket where state = 'offered'")
    return {row["id"]: row["assigned_to"] for row in rows}
