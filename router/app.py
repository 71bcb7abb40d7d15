"""The composition root: puts the roles together, on a `deployment`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

import structlog
from aiohttp import web

from channels.formats import parse
from router.api.access import Renewing
from router.api.agents import AgentEndpoints
from router.api.audit import AuditEndpoints
from router.api.connections import serving
from router.api.customers import CustomerEndpoints
from router.api.desk import DeskEndpoints
from router.api.lead import LeadEndpoints
from router.api.me import MeEndpoints
from router.api.messages import MessageEndpoints
from router.api.monitoring import Checks, MonitoringEndpoints
from router.api.offers import OfferEndpoints
from router.api.originals import OriginalEndpoints
from router.api.picking import PickingEndpoints
from router.api.presence import PresenceEndpoints
from router.api.queues import QueueEndpoints
from router.api.server import Group, build, build_monitoring
from router.api.stream import StreamEndpoints
from router.api.tickets import TicketEndpoints
from router.deployment import Deployment, deployment, load_policy, make_consumer, publishing
from router.domain.errors import StoreUnavailable
from router.flow.assign.claims import Claims
from router.flow.assign.offers import Dispatcher, Offers
from router.flow.assign.picking import Picking
from router.flow.assign.presence import LOOK_EVERY_S, Presences
from router.flow.assign.pulse import BEAT_EVERY_S, Attending, Pulse
from router.flow.assign.timers import EVERY_S, TicketTimers
from router.flow.intake.opening import Opener
from router.flow.intake.reader import Reader, ReaderHere
from router.flow.intake.receive import Receiver
from router.flow.intake.suspects import Isolate
from router.flow.run.bus import Delivery, Publisher
from router.flow.run.duty import Duty
from router.flow.run.gauges import GAUGES_HELD_S, QueueGauges
from router.flow.run.live_policy import LivePolicy
from router.flow.run.loops import Loops, every, looping
from router.flow.run.outbox import Relay
from router.flow.run.switch import Switch
from router.flow.see.me import Myself
from router.flow.see.stream import Streams
from router.flow.work.agents import Agents
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.lead import Lead
from router.local.child import DEADLINE_S, Child
from router.local.memory import settle_memory
from router.local.reader import ReaderProcess
from router.policy.model import Policy
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.offers import PostgresDispatch, PostgresOffers
from router.postgres.assign.picking import PostgresPicking
from router.postgres.assign.presence import PostgresPresence
from router.postgres.assign.pulse import PostgresPulse
from router.postgres.assign.timers import PostgresTimers
from router.postgres.audit import PostgresAudit
from router.postgres.hints import AGENTS, QUEUED
from router.postgres.intake.receive import PostgresIntake
from router.postgres.run.bus import left_over
from router.postgres.run.outbox import PostgresOutbox
from router.postgres.run.retention import MAINTAIN_EVERY_S, Retention, maintain
from router.postgres.see.reading import PostgresReading
from router.postgres.see.stream import PostgresStream
from router.postgres.work.agents import PostgresAgents
from router.postgres.work.desk import PostgresDesk
from router.postgres.work.lead import PostgresLead
from router.settings import Settings

log = structlog.get_logger(__name__)

MAIL_SECRET = "mail token"  # noqa: S105 - the name of the secret
INTAKE_SWITCH = "intake"
ALONE_S = DEADLINE_S / 2


class ProcessRole(StrEnum):
    """What a process does; `up` does everything in one process."""

    API = "api"
    INTAKE = "intake"
    TIMERS = "timers"
    DELIVER = "deliver"


EVERYTHING = frozenset(ProcessRole)
_PUBLISHING = frozenset({ProcessRole.API, ProcessRole.DELIVER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running process: its address, deployment and policy."""

    address: str
    deployment: Deployment
    policy: LivePolicy


@asynccontextmanager
async def running(settings: Settings, roles: frozenset[ProcessRole]) -> AsyncIterator[Running]:
    """Run the roles until the context ends.

    Contexts close in reverse order, also if the start fails half-way. A loop that fails ends the whole process, and the
    supervisor restarts it.
    """
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(deployment(settings, name="+".join(sorted(roles)), join=False))
        policy = load_policy(shared)
        checks = _checks(shared, policy)
        if roles & _PUBLISHING:
            publisher = await stack.enter_async_context(publishing(shared))
            checks.problems["publisher"] = publisher.problems
        secret = await shared.operations.secret(MAIL_SECRET)
        loops = await stack.enter_async_context(looping())
        loops.start("policy", policy.run())
        if shared.embedded:
            loops.start("embedded PostgreSQL", shared.embedded.watch())

        if ProcessRole.INTAKE in roles:
            await _take_in(shared, policy, secret, loops, checks)
        if ProcessRole.DELIVER in roles:
            relay = Relay(store=PostgresOutbox(shared.database), publisher=publisher, metrics=shared.metrics)
            loops.start("outbox", relay.run())
        if ProcessRole.TIMERS in roles:
            _keep_time(shared, policy, loops)
        if ProcessRole.API in roles:
            app = build_api(shared, policy.current, loops, secret=secret, publisher=publisher, checks=checks)
        else:
            monitoring = MonitoringEndpoints(registry=shared.metrics.registry, checks=checks)
            app = build_monitoring(monitoring, shared.metrics)
        if shared.hints.are_awaited:
            loops.start("hints", shared.hints.run())
        port = await stack.enter_async_context(serving(app, host=settings.http_host, port=settings.http_port))
        settle_memory()
        log.info("running", roles="+".join(sorted(roles)), host=settings.http_host, port=port)
        yield Running(address=f"http://{settings.http_host}:{port}", deployment=shared, policy=policy)


def _checks(shared: Deployment, policy: LivePolicy) -> Checks:
    """The checks that every process has."""
    checks = Checks(problems={"database": shared.database.problems}, warnings={"policy": policy.problems})
    if shared.settings.amqp_url:
        checks.warnings["table"] = partial(left_over, shared.database)
    return checks


async def _take_in(shared: Deployment, policy: LivePolicy, secret: bytes, loops: Loops, checks: Checks) -> None:
    """Start intake and its checks. That it is switched off is only a warning: the operator wants it so."""
    reader = ReaderProcess(
        secret,
        lambda: policy.current().triage.languages,
        on_success=shared.metrics.loop_success.labels("reader").set_to_current_time,
    )
    await reader.start()
    loops.start("reader", reader.run())
    consumer = await make_consumer(shared)
    receiver = make_receiver(shared, policy, reader, isolate=Child().settle)
    switch = Switch(partial(shared.operations.is_on, INTAKE_SWITCH))
    loops.start("intake", switch.run(partial(consumer.run, receiver.settle, receiver.open), consumer.watch))
    checks.problems["reader"] = reader.problems
    checks.problems["consumer"] = lambda: consumer.problems() if switch.is_on else []
    checks.warnings["switch"] = lambda: [] if switch.is_on else ["intake is switched off"]


def _keep_time(shared: Deployment, policy: LivePolicy, loops: Loops) -> None:
    """Start what time drives: gauges, retention, offers and the timers of tickets."""
    metrics, database = shared.metrics, shared.database
    duty = Duty(shared.operations, name="gauges", holder=_holder(), held_s=GAUGES_HELD_S)
    gauges = QueueGauges(gauges=shared.operations, duty=duty, policy=policy.current, metrics=metrics)
    loops.start("gauges", gauges.run())
    maintaining = partial(maintain, database, _retention(shared.settings))
    loops.start("maintenance", every(MAINTAIN_EVERY_S, "maintenance", maintaining, metrics))
    dispatcher = Dispatcher(store=PostgresDispatch(database), policy=policy.current, metrics=metrics)
    queued = shared.hints.subscribe(QUEUED)
    loops.start("offers", every(EVERY_S, "offers", dispatcher.offer_all, metrics, hint=queued))
    timers = TicketTimers(store=PostgresTimers(database), policy=policy.current, metrics=metrics)
    for name, loop in timers.loops().items():
        loops.start(name, loop)
    _start_pulse(Attending.TIMERS, shared, policy.current, loops)


def _start_pulse(role: Attending, shared: Deployment, policy: Callable[[], Policy], loops: Loops) -> None:
    pulse, name = Pulse(PostgresPulse(shared.database), role, policy), f"{role}_pulse"
    loops.start(name, every(BEAT_EVERY_S, name, pulse.beat, shared.metrics))


def build_api(
    shared: Deployment,
    policy: Callable[[], Policy],
    loops: Loops,
    *,
    secret: bytes,
    publisher: Publisher,
    checks: Checks,
) -> web.Application:
    """Start what agents wait for, and build the application that answers them."""
    metrics, database = shared.metrics, shared.database
    claims = Claims(PostgresClaims(database), metrics, policy=policy)
    loops.start("claims", claims.run())
    shared.hints.tell(claims.wake, QUEUED)
    presences = Presences(PostgresPresence(database), policy, metrics)
    loops.start("presence", every(LOOK_EVERY_S, "presence", presences.renew_staying, metrics))
    _start_pulse(Attending.API, shared, policy, loops)
    streams = Streams(
        store=PostgresStream(database),
        staying=presences.staying,
        policy=policy,
        metrics=metrics,
        hint=shared.hints.subscribe(AGENTS),
    )
    loops.start("streams", streams.run())
    mail = MailIdentity(secret=secret, domain=shared.settings.mail_domain)
    desk = Desk(store=PostgresDesk(database), policy=policy, mail=mail, metrics=metrics)
    reading, agents = PostgresReading(database), PostgresAgents(database)
    groups: list[Group] = [
        MessageEndpoints(publisher=publisher, reading=reading, max_in_flight=shared.settings.max_in_flight),
        MeEndpoints(claims=claims, reading=reading, myself=Myself(agents, policy), presences=presences),
        PresenceEndpoints(presences),
        AgentEndpoints(Agents(agents, policy, metrics)),
        AuditEndpoints(PostgresAudit(database)),
        StreamEndpoints(streams),
        TicketEndpoints(reading=reading, desk=desk, policy=policy),
        OriginalEndpoints(reading),
        DeskEndpoints(desk),
        LeadEndpoints(Lead(store=PostgresLead(database), policy=policy, metrics=metrics)),
        PickingEndpoints(Picking(store=PostgresPicking(database), policy=policy, metrics=metrics), reading),
        OfferEndpoints(Offers(store=PostgresOffers(database), metrics=metrics), reading),
        QueueEndpoints(reading, policy),
        CustomerEndpoints(reading),
        MonitoringEndpoints(registry=metrics.registry, checks=checks),
    ]
    return build(
        groups,
        principals=Renewing(shared.tokens, presences),
        metrics=metrics,
        on_shutdown=[claims.end, streams.end],
    )


def managed_agents(shared: Deployment, policy: LivePolicy) -> Agents:
    """The agents of the deployment, as leads, admins and operators manage them."""
    return Agents(PostgresAgents(shared.database), policy.current, shared.metrics)


def make_receiver(shared: Deployment, policy: LivePolicy, reader: Reader, *, isolate: Isolate) -> Receiver:
    """Make the receiver, whose `take` and `settle` process deliveries; `isolate` settles suspects."""
    return Receiver(
        store=PostgresIntake(shared.database),
        policy=policy.current,
        reader=reader,
        metrics=shared.metrics,
        isolate=isolate,
    )


async def settle_alone(settings: Settings, delivery: Delivery) -> None:
    """Take in one suspect delivery, in a process that it can harm alone.

    Raises `StoreUnavailable` if the database keeps it waiting longer than an innocent delivery takes.
    """
    try:
        async with asyncio.timeout(ALONE_S):
            await _settle_alone(settings, delivery)
    except TimeoutError as exc:
        raise StoreUnavailable(f"the database did not let one delivery through within {ALONE_S:g} s") from exc


async def _settle_alone(settings: Settings, delivery: Delivery) -> None:
    async with deployment(settings, name="isolate") as shared:
        policy = load_policy(shared)
        secret = await shared.operations.secret(MAIL_SECRET)
        reader = ReaderHere(Opener(parse, secret, lambda: policy.current().triage.languages))
        await make_receiver(shared, policy, reader, isolate=_never).take([delivery])


async def _never(_: Delivery) -> bool:
    return False


def _retention(settings: Settings) -> Retention:
    return Retention(
        messages=timedelta(days=settings.retention_messages_days),
        raw=timedelta(days=settings.retention_raw_days),
        events=timedelta(days=settings.retention_events_days),
        received=timedelta(days=settings.retention_received_days),
        unprocessable=timedelta(days=settings.retention_unprocessable_days),
    )


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
