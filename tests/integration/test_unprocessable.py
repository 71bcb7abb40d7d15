"""What could not be processed, kept in PostgreSQL: page by page, byte by byte, and sent through again."""

import pytest

from channels.formats import parse
from router.domain.errors import BusUnavailable, NotFound
from router.flow.intake.unprocessable import replay
from router.flow.run.bus import Delivery
from router.postgres.database import Database
from router.postgres.intake.receive import PostgresIntake
from router.postgres.intake.unprocessable import PostgresUnprocessable
from tests.fakes.publisher import FakePublisher
from tests.making.intake import a_receiver

RAW = b'\x00\xff{"text": "broken'


@pytest.fixture
def store(database: Database) -> PostgresUnprocessable:
    return PostgresUnprocessable(database)


async def keep(database: Database, count: int = 1) -> None:
    insert = """
        insert into unprocessable (stage, reason, detail, format, account, routing_key, trace_id, body, hash)
        select
          'receive', 'malformed', 'body: is not JSON', 'message.v1', 'shop.example', 'chat.v1', 't-1', $1,
          int4send(number)
        from generate_series(1, $2::integer) as number"""
    await database.execute("test", insert, RAW, count)


async def test_pages_go_from_the_newest_back(database: Database, store: PostgresUnprocessable):
    await keep(database, 5)
    first = await store.newest(2, before=None, pending=True)
    second = await store.newest(2, before=first[-1].id, pending=True)
    assert [kept.id for kept in (*first, *second)] == [5, 4, 3, 2]
    assert first[0].size == len(RAW)


async def test_a_replayed_payload_is_as_it_came_and_leaves_the_list(database: Database, store: PostgresUnprocessable):
    await keep(database)
    publisher = FakePublisher()
    await replay(1, store, publisher)
    (published,) = publisher.published
    assert (published.body, published.format, published.account) == (RAW, "message.v1", "shop.example")
    assert (published.exchange, published.routing_key) == ("frontdesk.inbound", "chat.v1")
    assert await store.newest(10, before=None, pending=True) == []
    (kept,) = await store.newest(10, before=None, pending=False)
    assert kept.replayed_at


async def test_a_payload_that_fails_again_after_a_replay_is_kept_again(
    database: Database, store: PostgresUnprocessable
):
    bad = Delivery(body=RAW, format="message.v1", account="shop.example")
    receiver = a_receiver(PostgresIntake(database), parse=parse)
    await receiver.take([bad])
    await receiver.take([bad._replace(redelivered=True)])  # its acknowledgement was lost
    [kept] = await store.newest(10, before=None, pending=True)
    await replay(kept.id, store, FakePublisher())
    await receiver.take([bad])
    assert len(await store.newest(10, before=None, pending=True)) == 1
    assert len(await store.newest(10, before=None, pending=False)) == 2


async def test_what_the_bus_did_not_confirm_stays_on_the_list(database: Database, store: PostgresUnprocessable):
    await keep(database)
    with pytest.raises(BusUnavailable):
        await replay(1, store, FakePublisher(refused={RAW}))
    assert len(await store.newest(10, before=None, pending=True)) == 1


async def test_an_unknown_one_is_not_found(store: PostgresUnprocessable):
    assert await store.payload(77) is None
    with pytest.raises(NotFound, match="There is no unprocessable payload 77"):
        await replay(77, store, FakePublisher())
