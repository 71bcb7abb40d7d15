"""What the relay relies on, whichever store holds the outbox."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count

import pytest
from prometheus_client import CollectorRegistry

from router.flow.run.outbox import OutboxEntry, OutboxStore
from router.metrics import Metrics
from router.postgres.database import connected
from router.postgres.run.outbox import PostgresOutbox
from tests.fakes.outbox import FakeOutbox

INSERT = """
    insert into outbox (conversation_id, routing_key, format, account, message_id, body)
    values ($1, 'email.reply.v1', 'reply.v1', 'support@acme.example', 'm1', $2)"""


@dataclass(frozen=True)
class Outbox:
    store: OutboxStore
    put: Callable[[int, bytes], Awaitable[None]]

    async def waiting(self, limit: int = 10) -> list[bytes]:
        async with self.store.transaction() as transaction:
            return [entry.body for entry in await transaction.oldest(limit)]


@pytest.fixture
async def memory() -> Outbox:
    store, ids = FakeOutbox(), count(1)

    async def put(conversation_id: int, body: bytes) -> None:
        store.entries.append((conversation_id, an_entry(next(ids), body)))

    return Outbox(store, put)


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Outbox]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=3, name="test") as database:

        async def put(conversation_id: int, body: bytes) -> None:
            await database.execute("test", INSERT, conversation_id, body)

        yield Outbox(PostgresOutbox(database), put)


@pytest.fixture(params=["memory", "postgres"])
def outbox(request: pytest.FixtureRequest) -> Outbox:
    return request.getfixturevalue(request.param)


def an_entry(id_: int, body: bytes) -> OutboxEntry:
    return OutboxEntry(
        id=id_,
        routing_key="email.reply.v1",
        format="reply.v1",
        account="support@acme.example",
        message_id="m1",
        body=body,
    )


async def send(outbox: Outbox, bodies: Sequence[bytes]) -> None:
    async with outbox.store.transaction() as transaction:
        await transaction.sent([entry.id for entry in await transaction.oldest(10) if entry.body in bodies])


async def test_an_empty_outbox_has_nothing_to_send(outbox: Outbox):
    assert await outbox.waiting() == []
    await send(outbox, [])


async def test_only_the_oldest_reply_of_each_conversation_may_go(outbox: Outbox):
    for conversation_id, body in [(1, b"1a"), (2, b"2a"), (1, b"1b"), (2, b"2b"), (3, b"3a")]:
        await outbox.put(conversation_id, body)
    assert await outbox.waiting() == [b"1a", b"2a", b"3a"]
    await send(outbox, [b"1a", b"3a"])
    assert await outbox.waiting() == [b"2a", b"1b"]


async def test_a_round_is_no_longer_than_asked_for(outbox: Outbox):
    for conversation_id in range(5):
        await outbox.put(conversation_id, b"%d" % conversation_id)
    assert await outbox.waiting(limit=2) == [b"0", b"1"]


async def test_a_reply_comes_out_as_it_was_put_in(outbox: Outbox):
    await outbox.put(1, b"\x00\xff")
    async with outbox.store.transaction() as transaction:
        [entry] = await transaction.oldest(1)
    assert entry == an_entry(entry.id, b"\x00\xff")


async def test_what_was_sent_is_still_there_if_the_transaction_fails(outbox: Outbox):
    await outbox.put(1, b"1a")
    with pytest.raises(ZeroDivisionError):
        await _send_and_fail(outbox)
    assert await outbox.waiting() == [b"1a"]


async def _send_and_fail(outbox: Outbox) -> None:
    async with outbox.store.transaction() as transaction:
        await transaction.sent([entry.id for entry in await transaction.oldest(10)])
        raise ZeroDivisionError


@pytest.mark.parametrize("outbox", ["postgres"], indirect=True)
async def test_two_relays_never_hold_the_same_reply(outbox: Outbox):
    for conversation_id in range(2):
        await outbox.put(conversation_id, b"%d" % conversation_id)
    async with outbox.store.transaction() as one, outbox.store.transaction() as other:
        held = [await transaction.oldest(1) for transaction in (one, other)]
    assert [[entry.body for entry in entries] for entries in held] == [[b"0"], [b"1"]]


@pytest.mark.parametrize("outbox", ["postgres"], indirect=True)
async def test_a_reply_does_not_overtake_one_that_another_relay_is_sending(outbox: Outbox):
    await outbox.put(1, b"1a")
    await outbox.put(1, b"1b")
    async with outbox.store.transaction() as sending:
        await sending.sent([entry.id for entry in await sending.oldest(1)])
        assert await outbox.waiting() == []
    assert await outbox.waiting() == [b"1b"]
