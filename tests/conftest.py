"""Fixtures for tests on real servers: a fresh database and a fresh broker for each test that asks."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import aiormq
import asyncpg
import pytest

from router.flow.run.bus import INTAKE_BROKER_QUEUE, OUTBOUND_BROKER_QUEUE
from router.postgres.migrate import migrate
from router.rabbit.topology import DEAD
from tests.servers.rabbit import create_vhost, delete_vhost
from tests.servers.services import AMQP_URL, DATABASE_URL, RABBIT_API_URL

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@pytest.fixture(scope="session")
def server_url() -> str:
    """The administrator's URL of the PostgreSQL server."""
    return _service(DATABASE_URL)


@pytest.fixture(scope="session")
async def template(server_url: str) -> AsyncIterator[str]:
    """The name of a migrated, empty database that nobody is connected to."""
    name = f"frontdesk_template_{uuid4().hex[:12]}"
    await _administer(server_url, f"create database {name}")
    await migrate(_with_path(server_url, name), MIGRATIONS)
    yield name
    await _administer(server_url, f"drop database if exists {name} with (force)")


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """A migrated, empty database of the test's own."""
    async with _copy(server_url, template) as url:
        yield url


@pytest.fixture(scope="module")
async def module_database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """A migrated, empty database that the tests of one module share."""
    async with _copy(server_url, template) as url:
        yield url


@pytest.fixture
async def empty_database_url(server_url: str) -> AsyncIterator[str]:
    """A database of the test's own without a schema."""
    name = f"frontdesk_test_{uuid4().hex[:12]}"
    await _administer(server_url, f"create database {name}")
    yield _with_path(server_url, name)
    await _administer(server_url, f"drop database if exists {name} with (force)")


@pytest.fixture(scope="session")
def broker_url() -> str:
    """The administrator's URL of the RabbitMQ node."""
    return _service(AMQP_URL)


@pytest.fixture
async def vhost(broker_url: str) -> AsyncIterator[str]:
    """A virtual host without our queues: one of the test's own, or the one that FRONTDESK_TEST_AMQP_URL names.

    A broker that this run did not start may lack the management plugin, which makes virtual hosts.
    """
    api_url = os.environ.get(RABBIT_API_URL)
    if api_url is None:
        await _forget_queues(broker_url)
        yield urlsplit(broker_url).path.removeprefix("/")
        return
    name = f"test-{uuid4().hex[:12]}"
    create_vhost(api_url, name)
    yield name
    delete_vhost(api_url, name)


@pytest.fixture
def amqp_url(broker_url: str, vhost: str) -> str:
    """A broker without queues."""
    return _with_path(broker_url, vhost)


def _service(variable: str) -> str:
    if url := os.environ.get(variable):
        return url
    reason = f"{variable} is not set: run `make test`, which starts the servers"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


async def _forget_queues(url: str) -> None:
    connection = await aiormq.connect(url)
    try:
        amqp_channel = await connection.channel()
        for broker_queue in (INTAKE_BROKER_QUEUE, DEAD, OUTBOUND_BROKER_QUEUE):
            await amqp_channel.queue_delete(broker_queue)
    finally:
        await connection.close()


@asynccontextmanager
async def _copy(server_url: str, template: str) -> AsyncIterator[str]:
    name = f"frontdesk_test_{uuid4().hex[:12]}"
    await _administer(server_url, f"create database {name} template {template}")
    yield _with_path(server_url, name)
    await _administer(server_url, f"drop database if exists {name} with (force)")


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement, timeout=60)
    finally:
        await connection.close(timeout=10)
