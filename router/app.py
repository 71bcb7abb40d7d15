"""The composition root: the only module that knows every concretion."""

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
from prometheus_client import CollectorRegistry

from channels.formats import parse
from router.accounts.model import Keys
from router.api.access import Renewing
from router.api.agents import AgentEndpoints
from router.api.audit import AuditEndpoints
from router.api.connections import serving
from router.api.customers import CustomerEndpoints
from router.api.desk import DeskEndpoints
from router.api.held import HeldEndpoints
from router.api.lead import LeadEndpoints
from router.api.me import MeEndpoints
from router.api.messages import MessageEndpoints
from router.api.monitoring import Checks, MonitoringEndpoints
from router.api.offers import OfferEndpoints
from router.api.originals import OriginalEndpoints
from router.api.picking import PickingEndpoints
from router.api.presence import PresenceEndpoints
from router.api.queues import QueueEndpoints
from router.api.room import Room
from router.api.server import Group, build, build_monitoring
from router.api.stream import StreamEndpoints
from router.api.tickets import TicketEndpoints
from router.api.webhooks import WebhookEndpoints
from router.domain.errors import Misconfigured, StoreUnavailable
from router.files.checked import FileError
from router.flow.assign.claims import Claims
from router.flow.assign.offers import Dispatcher, Offers
from router.flow.assign.picking import Picking
from router.flow.assign.presence import LOOK_EVERY_S, Presences
from router.flow.assign.pulse import BEAT_EVERY_S, Attending, Pulse
from router.flow.assign.timers import EVERY_S, TicketTimers
from router.flow.intake.held import Held
from router.flow.intake.opening import Opener
from router.flow.intake.reader import Reader, ReaderHere
from router.flow.intake.receive import Receiver
from router.flow.intake.suspects import Isolate
from router.flow.run.bus import Consumer, Delivery, Publisher
from router.flow.run.gauges import QueueGauges
from router.flow.run.live_file import LiveFile
from router.flow.run.live_policy import LivePolicy
from router.flow.run.loops import Loops, every, looping
from router.flow.run.outbox import Relay
from router.flow.run.switch import Switch
from router.flow.see.me import Myself
from router.flow.see.stream import Streams
from router.flow.work.agents import Agents
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.explaining import Explaining
from router.flow.work.lead import Lead
from router.local.accounts_file import AccountsFile
from router.local.child import DEADLINE_S, Child
from router.local.memory import settle_memory
from router.local.postgres import EmbeddedPostgres, served_elsewhere
from router.local.reader import ReaderProcess
from router.local.text_file import read_text
from router.metrics import Metrics
from router.policy.model import Policy
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.offers import PostgresDispatch, PostgresOffers
from router.postgres.assign.picking import PostgresPicking
from router.postgres.assign.presence import PostgresPresence
from router.postgres.assign.pulse import PostgresPulse
from router.postgres.assign.timers import PostgresTimers
from router.postgres.audit import PostgresAudit
from router.postgres.database import Database, connected
from router.postgres.hints import AGENTS, QUEUED, Hints
from router.postgres.intake.held import PostgresHeld
from router.postgres.intake.receive import PostgresIntake
from router.postgres.intake.unprocessable import PostgresUnprocessable
from router.postgres.migrate import migrate, require_current
from router.postgres.run.bus import PostgresConsumer, PostgresPublisher, left_over
from router.postgres.run.operations import PostgresOperations
from router.postgres.run.outbox import PostgresOutbox
from router.postgres.run.retention import MAINTAIN_EVERY_S, Retention, maintain
from router.postgres.see.reading import PostgresReading
from router.postgres.see.records import PostgresRecords
from router.postgres.see.stream import PostgresStream
from router.postgres.work.agents import PostgresAgents
from router.postgres.work.customers import PostgresCustomers
from router.postgres.work.desk import PostgresDesk
from router.postgres.work.lead import PostgresLead
from router.postgres.work.tokens import Tokens
from router.rabbit import connection as rabbit
from router.rabbit.consumer import RabbitConsumer
from router.rabbit.publisher import rabbit_publisher
from router.settings import Settings

log = structlog.get_logger(__name__)

MAIL_SECRET = "mail token"  # noqa: S105 - the name of the secret
INTAKE_SWITCH = "intake"
RABBITMQ_SWITCH = "rabbitmq"
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
class Deployment:
    """What every process needs, whatever its roles."""

    settings: Settings
    dsn: str
    metrics: Metrics
    database: Database
    operations: PostgresOperations
    tokens: Tokens
    customers: PostgresCustomers
    unprocessable: PostgresUnprocessable
    hints: Hints
    embedded: EmbeddedPostgres | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running process: its address, deployment and policy."""

    address: str
    deployment: Deployment
    policy: LivePolicy


@asynccontextmanager
async def deployment(settings: Settings, *, name: str, join: bool = True) -> AsyncIterator[Deployment]:
    """Connect to the deployment's database; if the settings name none, start and migrate the embedded one.

    With `join`, use the embedded database that another Frontdesk runs; without, that is an error.
    """
    async with AsyncExitStack() as stack:
        dsn = settings.database_url or (served_elsewhere(settings.data_dir) if join else None)
        embedded = None
        if dsn is None:
            embedded = await stack.enter_async_context(EmbeddedPostgres(settings.data_dir))
            dsn = embedded.dsn
            await migrate(dsn)
        metrics = Metrics(CollectorRegistry())
        database = await stack.enter_async_context(
            connected(dsn, metrics, size=settings.database_connections, name=name)
        )
        await require_current(database)
        yield Deployment(
            settings=settings,
            dsn=dsn,
            metrics=metrics,
            database=database,
            operations=PostgresOperations(database),
            tokens=Tokens(database),
            customers=PostgresCustomers(database),
            unprocessable=PostgresUnprocessable(database),
            hints=Hints(dsn, metrics),
            embedded=embedded,
        )


@asynccontextmanager
async def publishing(shared: Deployment) -> AsyncIterator[Publisher]:
    """Connect to the deployment's bus, to publish."""
    url = await _broker_url(shared)
    if url is None:
        yield PostgresPublisher(shared.database, shared.metrics)
        return
    async with rabbit_publisher(url, shared.metrics) as publisher:
        yield publisher


async def _broker_url(shared: Deployment) -> str | None:
    """Return the deployment's RabbitMQ, or None for the table; the database remembers that RabbitMQ is in use.

    Raises `Misconfigured` if only other processes use RabbitMQ: they would not read what this one puts into the table.
    """
    url, is_known = shared.settings.amqp_url, await shared.operations.is_on(RABBITMQ_SWITCH)
    if url is None:
        if is_known:
            raise Misconfigured(
                "FRONTDESK_AMQP_URL: is not set, but this database is used with RabbitMQ: set it as for the other "
                "processes, or, to do without RabbitMQ from now on, run `frontdesk bus table`"
            )
        return None
    await rabbit.check(url)
    if not is_known:
        await shared.operations.turn(RABBITMQ_SWITCH, on=True)
    return url


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
    consumer = await _consumer(shared)
    receiver = make_receiver(shared, policy, reader, isolate=Child().settle)
    switch = Switch(partial(shared.operations.is_on, INTAKE_SWITCH))
    loops.start("intake", switch.run(partial(consumer.run, receiver.settle, receiver.open), consumer.watch))
    checks.problems["reader"] = reader.problems
    checks.problems["consumer"] = lambda: consumer.problems() if switch.is_on else []
    checks.warnings["switch"] = lambda: [] if switch.is_on else ["intake is switched off"]


def _keep_time(shared: Deployment, policy: LivePolicy, loops: Loops) -> None:
    """Start what time drives: gauges, retention, offers and the timers of tickets."""
    metrics, database = shared.metrics, shared.database
    gauges = QueueGauges(gauges=shared.operations, policy=policy.current, holder=_holder(), metrics=metrics)
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
    lead = Lead(store=PostgresLead(database), policy=policy, metrics=metrics)
    reading, agents = PostgresReading(database), PostgresAgents(database)
    accounts, room = load_accounts(shared), Room(shared.settings.max_in_flight)
    loops.start(accounts.name, accounts.run())
    checks.warnings[accounts.name] = lambda: [*accounts.problems(), *accounts.current().problems()]
    groups: list[Group] = [
        MessageEndpoints(publisher=publisher, reading=reading, room=room),
        WebhookEndpoints(keys=accounts.current, publisher=publisher, room=room, metrics=metrics),
        MeEndpoints(claims=claims, reading=reading, myself=Myself(agents, policy), presences=presences),
        PresenceEndpoints(presences),
        AgentEndpoints(Agents(agents, policy, metrics)),
        AuditEndpoints(PostgresAudit(database)),
        HeldEndpoints(_held(shared, policy, secret)),
        StreamEndpoints(streams),
        TicketEndpoints(reading=reading, desk=desk, policy=policy),
        OriginalEndpoints(reading),
        DeskEndpoints(desk),
        LeadEndpoints(lead, Explaining(lead=lead, records=PostgresRecords(database))),
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


def explaining(shared: Deployment, policy: LivePolicy) -> Explaining:
    """What operators ask about a ticket of the deployment."""
    lead = Lead(store=PostgresLead(shared.database), policy=policy.current, metrics=shared.metrics)
    return Explaining(lead=lead, records=PostgresRecords(shared.database))


async def held_messages(shared: Deployment, policy: Callable[[], Policy]) -> Held:
    """The messages of the deployment that are held, as operators look through them and release them."""
    return _held(shared, policy, await shared.operations.secret(MAIL_SECRET))


def _held(shared: Deployment, policy: Callable[[], Policy], secret: bytes) -> Held:
    opener = Opener(parse, secret, lambda: policy().triage.languages)
    return Held(store=PostgresHeld(shared.database), opener=opener, policy=policy, metrics=shared.metrics)


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


async def _consumer(shared: Deployment) -> Consumer:
    url, batch = await _broker_url(shared), shared.settings.batch_cap
    if url is None:
        return PostgresConsumer(shared.database, shared.metrics, shared.hints, batch=batch)
    return RabbitConsumer(url, shared.metrics, batch=batch)


def load_accounts(shared: Deployment) -> LiveFile[Keys, Keys]:
    """Read the file of accounts; raises `Misconfigured`, naming the setting, if it cannot be used."""
    path, metrics = shared.settings.channels_path, shared.metrics
    read, looked = AccountsFile(path).read, metrics.loop_success.labels("accounts")
    try:
        return LiveFile("accounts", read, lambda keys: keys, reloaded=metrics.accounts_reload, looked=looked)
    except FileError as exc:
        raise Misconfigured(f"FRONTDESK_CHANNELS_PATH: {path}: {exc}") from exc


def load_policy(shared: Deployment) -> LivePolicy:
    """Read the policy file; raises `Misconfigured`, naming the setting, if it cannot be used."""
    path = shared.settings.policy_path
    try:
        return LivePolicy(partial(read_text, path), shared.operations.remember_policy, shared.metrics)
    except FileError as exc:
        raise Misconfigured(f"FRONTDESK_POLICY_PATH: {path}: {exc}") from exc


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
