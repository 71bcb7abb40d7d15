"""Intake on a store in memory: a policy with all its rules, and batches taken in without a server."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from channels.message import InboundMessage
from router.domain.ticket import TicketState
from router.flow.intake.opening import Opener, Parse
from router.flow.intake.reader import ReaderHere
from router.flow.intake.receive import IntakeStore, Receiver
from router.flow.intake.suspects import Isolate
from router.flow.run.bus import Delivery
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy
from tests.fakes.intake import FakeIntake
from tests.making.messages import Mailroom, a_message

SECRET = b"sample secret"
MAILROOM = Mailroom()
METRICS = Metrics(CollectorRegistry())

POLICY = parse_policy("""
teams:
  frontline: {takes: simple}
  specialists: {takes: complex}
queues:
  general: {team: frontline, reopen: 1h, sticky_for: 10m}
  expert: {team: specialists, reopen: never}
  chats: {team: frontline, reopen: always, abandon: true}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: chats, when: {channel: chat}, queue: chats, target: 1m}
  - {name: vip, when: {tier: vip}, queue: general, target: 10m}
  - {name: returning, when: {returning: true}, queue: general, target: 1h}
  - {name: rest, queue: general, target: 4h, relax: [{after: 1h, target: 1h}]}
triage:
  bias: -1
  languages: [en, de]
  signals:
    legal: {weight: 2, words: [lawyer]}
    busy: {weight: 2, measure: open_tickets, at_least: 3}
    known: {weight: 0.1, measure: returning}
    important: {weight: 0.1, tier: vip}
tiers: {vip: ["*@vip.example"]}
threading: {join_channels_within: 4h}
senders: {blocked: ["spam@*"]}
own_addresses: ["support@acme.example"]
""")


def take_in(*batches: Iterable[InboundMessage], store: FakeIntake | None = None) -> FakeIntake:
    """A store after these batches, each message in a delivery of its own."""
    return deliver(*([MAILROOM.deliver(message) for message in batch] for batch in batches), store=store)


def deliver(*batches: Sequence[Delivery], store: FakeIntake | None = None) -> FakeIntake:
    store = store or FakeIntake()

    async def take_all() -> None:
        for batch in batches:
            await settle(store, batch)

    asyncio.run(take_all())
    return store


def deliveries(count: int, *, redelivered: bool = False) -> list[Delivery]:
    """So many, with a message each."""
    return [MAILROOM.deliver(a_message(), redelivered=redelivered) for _ in range(count)]


async def settle(store: FakeIntake, batch: Sequence[Delivery], **parts: Any) -> FakeIntake:
    """The store after this batch; `parts` are those of `a_receiver`."""
    await a_receiver(store, **parts).take(batch)
    return store


def reasons(store: FakeIntake) -> list[str]:
    """Why deliveries were kept as unprocessable."""
    return [kept.flaw.reason for kept in store.unprocessable]


async def never_asked(_delivery: Delivery) -> bool:
    raise AssertionError("nothing here kills a process")


def a_receiver(
    store: IntakeStore,
    *,
    parse: Parse = MAILROOM.open,
    policy: Callable[[], Policy] = lambda: POLICY,
    isolate: Isolate = never_asked,
    metrics: Metrics = METRICS,
) -> Receiver:
    reader = ReaderHere(Opener(parse, SECRET, lambda: policy().triage.languages))
    return Receiver(store=store, policy=policy, reader=reader, metrics=metrics, isolate=isolate)


def resolve_all(store: FakeIntake, *, ago: timedelta) -> FakeIntake:
    """The store after agents have resolved every ticket so long ago."""
    store.now += ago
    for id_, ticket in store.tickets.items():
        store.tickets[id_] = ticket._replace(state=TicketState.RESOLVED, resolved_at=store.now - ago)
    return store


def outcomes(*messages: InboundMessage, store: FakeIntake | None = None) -> list[str]:
    """Take the messages in, and return what became of each."""
    store = take_in(messages, store=store)
    return [store.received[message.key].outcome for message in messages]
