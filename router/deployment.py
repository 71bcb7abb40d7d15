"""A deployment's connections, and what of its outside every role uses: database, bus and policy file.

`app` puts the roles together on top of it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from router.domain.errors import Misconfigured
from router.files.checked import FileError
from router.flow.run.bus import Consumer, Publisher
from router.flow.run.live_policy import LivePolicy
from router.local.postgres import EmbeddedPostgres, served_elsewhere
from router.local.text_file import read_text
from router.metrics import Metrics
from router.postgres.database import Database, connected
from router.postgres.hints import Hints
from router.postgres.intake.unprocessable import PostgresUnprocessable
from router.postgres.migrate import migrate, require_current
from router.postgres.run.bus import PostgresConsumer, PostgresPublisher
from router.postgres.run.operations import PostgresOperations
from router.postgres.work.customers import PostgresCustomers
from router.postgres.work.tokens import Tokens
from router.rabbit import connection as rabbit
from router.rabbit.consumer import RabbitConsumer
from router.rabbit.publisher import rabbit_publisher
from router.settings import Settings

RABBITMQ_SWITCH = "rabbitmq"


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


async def make_consumer(shared: Deployment) -> Consumer:
    """Make the consumer of the deployment's bus; `run` connects it."""
    url, batch = await _broker_url(shared), shared.settings.batch_cap
    if url is None:
        return PostgresConsumer(shared.database, shared.metrics, shared.hints, batch=batch)
    return RabbitConsumer(url, shared.metrics, batch=batch)


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


def load_policy(shared: Deployment) -> LivePolicy:
    """Read the policy file; raises `Misconfigured`, naming the setting, if it cannot be used."""
    path = shared.settings.policy_path
    try:
        return LivePolicy(partial(read_text, path), shared.operations.remember_policy, shared.metrics)
    except FileError as exc:
        raise Misconfigured(f"FRONTDESK_POLICY_PATH: {path}: {exc}") from exc
