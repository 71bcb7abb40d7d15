"""What is particular to the bus that is a table: leases, and a database that restarts. The rest is the bus contract."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import BusUnavailable
from router.flow.run.bus import Delivery, Exchange, Take
from router.metrics import Metrics
from router.postgres.database import Database, connected
from router.postgres.hints import Hints
from router.postgres.migrate import migrate
from router.postgres.run import bus
from router.postgres.run.bus import PostgresConsumer, PostgresPublisher
from tests.making.publications import a_publication, publish_when_possible
from tests.making.running import running
from tests.servers.postgres import PostgresServer
from tests.watching.waiting import waiting_for_locks

DEADLINE_S = 30

FULL_DISK = """
    do $do$ begin
      create function refuse() returns trigger language plpgsql as $$
      begin
        raise disk_full using message = 'No space left on device';
      end $$;
      create trigger refuse before insert on bus_delivery execute function refuse();
    end $do$"""

METRICS = Metrics(CollectorRegistry())


@pytest.fixture(scope="module")
def restartable(server_url: str) -> Iterator[PostgresServer]:
    """A server that may be killed; `server_url` says that this machine can run one."""
    with PostgresServer() as server:
        yield server


@asynccontextmanager
async def consuming(database: Database, take: Take) -> AsyncIterator[PostgresConsumer]:
    consumer = PostgresConsumer(database, METRICS, Hints("not listening", METRICS))
    async with running(consumer.run(take)):
        yield consumer


async def test_a_lease_is_renewed_while_the_batch_is_taken(database_url: str, monkeypatch):
    monkeypatch.setattr(bus, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(bus, "POLL_S", 0.1)
    taken: list[Delivery] = []
    done, in_hand = asyncio.Event(), asyncio.Event()

    async def take_long(deliveries: Sequence[Delivery]) -> None:
        taken.extend(deliveries)
        in_hand.set()
        await done.wait()

    async with connected(database_url, METRICS, size=4, name="test") as database:
        await PostgresPublisher(database, METRICS).publish(a_publication())
        async with consuming(database, take_long):
            await asyncio.wait_for(in_hand.wait(), DEADLINE_S)
            async with consuming(database, take_long):
                await asyncio.sleep(2)  # three leases long: nothing must happen, so there is nothing to wait for
                assert len(taken) == 1
                done.set()


async def test_the_lease_of_a_consumer_that_died_runs_out(database_url: str):
    arrived = asyncio.Event()
    taken: list[Delivery] = []

    async def take(deliveries: Sequence[Delivery]) -> None:
        taken.extend(deliveries)
        arrived.set()

    async with connected(database_url, METRICS, size=4, name="test") as database:
        await PostgresPublisher(database, METRICS).publish(a_publication())
        lease = timedelta(seconds=0.5)
        await database.fetch("test", bus.SQL["lease"], Exchange.INBOUND, 10, "somebody who died", lease, 1)
        async with consuming(database, take):
            await asyncio.wait_for(arrived.wait(), DEADLINE_S)
    assert taken[0].redelivered


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connected(database_url, METRICS, size=4, name="test") as database:
        yield database


async def test_a_full_disk_is_a_problem_until_there_is_room_even_if_nobody_publishes(database: Database):
    await database.execute("test", FULL_DISK)
    publisher = PostgresPublisher(database, METRICS)
    with pytest.raises(BusUnavailable, match="No space left"):
        await publisher.publish(a_publication())
    for _ in range(2):
        assert await publisher.problems() == ["bus: the database cannot do it now (53100): No space left on device"]
    await database.execute("test", "drop function refuse cascade")
    assert await publisher.problems() == []
    assert await database.fetch("test", "select from bus_delivery") == []


async def test_a_publication_under_way_is_no_problem(database: Database):
    publisher = PostgresPublisher(database, METRICS)
    async with database.transaction("test") as connection:
        await connection.execute("lock table bus_delivery")
        publishing = asyncio.create_task(publisher.publish(a_publication()))
        await waiting_for_locks(database)
        assert await publisher.problems() == []
    await publishing


async def test_a_database_that_was_killed_is_waited_for(restartable: PostgresServer):
    await migrate(restartable.url)
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            bodies.put_nowait(delivery.body)

    async with connected(restartable.url, METRICS, size=4, name="test") as database:
        await database.execute("test", "checkpoint")  # the test's server commits without waiting for the disk
        publisher = PostgresPublisher(database, METRICS)
        async with consuming(database, take) as consumer:
            await publisher.publish(a_publication(b"before"))
            assert await asyncio.wait_for(bodies.get(), DEADLINE_S) == b"before"
            await asyncio.to_thread(restartable.kill)
            with pytest.raises(BusUnavailable):
                await publisher.publish(a_publication())
            async with asyncio.timeout(DEADLINE_S):
                while not (consumer.problems() and await publisher.problems()):
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(restartable.start)
            await publish_when_possible(publisher, b"after")
            async with asyncio.timeout(DEADLINE_S):
                while await bodies.get() != b"after":  # the first may come again: it may not have been acknowledged
                    pass
            assert not consumer.problems()
            assert not await publisher.problems()
