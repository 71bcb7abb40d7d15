"""What intake relies on, whichever store holds its world: memory, PostgreSQL 15, or the wheel's PostgreSQL 18."""

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from channels.message import Channel, InboundMessage, MessageKey
from router.domain.errors import DataError, Raced
from router.flow.intake.changes import Changes, NewHandle, Outcome
from router.flow.intake.receive import IntakeStore, Wanted
from router.flow.intake.take_in import take_in
from router.flow.intake.unprocessable import Flaw, FlawedMessage, Unprocessable
from router.flow.intake.world import Found, World
from router.local.postgres import EmbeddedPostgres
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.database import connected
from router.postgres.intake.receive import PostgresIntake
from router.postgres.migrate import migrate
from tests.conftest import MIGRATIONS
from tests.fakes.intake import FakeIntake
from tests.making.messages import ACCOUNTS, Mailroom, a_message, a_phone, a_user, an_email

ACCOUNT = ACCOUNTS[Channel.EMAIL]
ROOM = Mailroom()
POLICY = parse_policy("""
teams: {frontline: {takes: any}}
queues: {general: {team: frontline}}
routes: [{name: rest, queue: general, skills: [de, en], target: 4h}]
triage: {bias: -1}
threading: {join_channels_within: 0s}
""")
NOTHING = Wanted(
    messages=1,
    keys=frozenset(),
    handles=frozenset(),
    tokened=frozenset(),
    threads=frozenset(),
    references=frozenset(),
    ticket_numbers=frozenset(),
)


@pytest.fixture
async def memory() -> FakeIntake:
    return FakeIntake()


@pytest.fixture
async def postgres_15(database_url: str) -> AsyncIterator[PostgresIntake]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=3, name="test") as database:
        yield PostgresIntake(database)


@pytest.fixture(scope="module")
async def wheel() -> AsyncIterator[str]:
    """The URL of a PostgreSQL 18 whose migrated database `template` serves as the template of others."""
    # Not pytest's own folder, which the server's user may not enter when root runs the tests.
    folder = Path(mkdtemp(prefix="frontdesk-wheel-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        async with EmbeddedPostgres(folder / "data") as server:
            await _administer(server.dsn, "create database template_of_tests")
            await migrate(server.dsn.replace("/postgres?", "/template_of_tests?"), MIGRATIONS)
            yield server.dsn
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def postgres_18(wheel: str) -> AsyncIterator[PostgresIntake]:
    await _administer(wheel, "create database of_this_test template template_of_tests")
    url = wheel.replace("/postgres?", "/of_this_test?")
    async with connected(url, Metrics(CollectorRegistry()), size=3, name="test") as database:
        yield PostgresIntake(database)
    await _administer(wheel, "drop database of_this_test with (force)")


@pytest.fixture(params=["memory", "postgres_15", "postgres_18"])
def store(request: pytest.FixtureRequest) -> IntakeStore:
    return request.getfixturevalue(request.param)


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement, timeout=60)
    finally:
        await connection.close(timeout=10)


async def take(store: IntakeStore, *messages: InboundMessage, finished: tuple[bytes, ...] = ()) -> Changes:
    """Load what the messages' handles and ids lead to, decide, record."""
    wanted = replace(
        NOTHING,
        messages=len(messages),
        keys=frozenset((message.key, message.fingerprint) for message in messages),
        handles=frozenset(handle.key for message in messages for handle in (message.sender, *message.also)),
    )
    async with store.transaction(wanted) as transaction:
        world = World(transaction.found, transaction.ids)
        for message in messages:
            take_in(*ROOM.arrival(message), world, POLICY)
        await transaction.record(world.changes, finished)
    return world.changes


async def take_blindly(store: IntakeStore, message: InboundMessage, then: Callable[[], object] = lambda: None) -> None:
    """Record the message without having looked what is there, and then do something before the end."""
    async with store.transaction(NOTHING) as transaction:
        world = World(transaction.found, transaction.ids)
        take_in(*ROOM.arrival(message), world, POLICY)
        await transaction.record(world.changes, ())
        then()


async def look(store: IntakeStore, **wanted: object) -> Found:
    async with store.transaction(replace(NOTHING, **wanted)) as transaction:
        return transaction.found


async def test_an_empty_store_knows_nobody(store: IntakeStore):
    seen = await look(store, handles=frozenset({"email:ada@example.com"}))
    assert (seen.customers, seen.handles, seen.conversations, seen.tickets, seen.received) == ([], [], [], [], [])


async def test_a_handle_leads_to_its_customer_with_the_digest(store: IntakeStore):
    changes = await take(store, a_message())
    seen = await look(store, handles=frozenset({"email:ada@example.com"}))
    [customer], [ticket] = seen.customers, changes.tickets.values()
    [contact] = customer.contacts
    assert (contact.queue, contact.channel, contact.ticket_id) == ("general", "email", ticket.id)
    assert [(handle.key, handle.customer_id, handle.verified) for handle in seen.handles] == [
        ("email:ada@example.com", customer.id, False)
    ]


async def test_a_customers_open_tickets_come_along_as_they_were_recorded(store: IntakeStore):
    changes = await take(store, a_message(subject="Parcel"))
    [recorded] = changes.tickets.values()
    [seen] = (await look(store, handles=frozenset({"email:ada@example.com"}))).tickets
    assert seen == recorded._replace(
        triage=recorded.triage._replace(reasons=(), probability=pytest.approx(recorded.triage.probability)),
    )


async def test_only_the_latest_twenty_open_tickets_come_along(store: IntakeStore):
    changes = await take(store, *(a_message() for _ in range(22)))
    seen = await look(store, handles=frozenset({"email:ada@example.com"}))
    assert [ticket.id for ticket in seen.tickets] == sorted(changes.tickets)[2:]


async def test_an_open_session_comes_along_with_its_customer(store: IntakeStore):
    sender = a_user(verified=False)
    changes = await take(store, a_message(sender, channel=Channel.CHAT, key="session-1"))
    seen = await look(store, handles=frozenset({sender.key}))
    assert seen.conversations == list(changes.conversations.values())


async def test_mail_threads_come_along_by_root_only(store: IntakeStore):
    changes = await take(store, a_message(external_id="root@mail.example"))
    [conversation_id] = changes.conversations
    by_handle = await look(store, handles=frozenset({"email:ada@example.com"}))
    by_root = await look(store, threads=frozenset({(ACCOUNT, "root@mail.example")}))
    elsewhere = await look(store, threads=frozenset({("sales@acme.example", "root@mail.example")}))
    assert by_handle.conversations == elsewhere.conversations == []
    assert [conversation.id for conversation in by_root.conversations] == [conversation_id]


@pytest.mark.parametrize("evidence", ["tokened", "references", "ticket_numbers"])
async def test_other_evidence_leads_to_the_conversation_its_customer_and_its_ticket(store: IntakeStore, evidence: str):
    changes = await take(store, a_message(external_id="root@mail.example"))
    [conversation], [ticket_id] = changes.conversations.values(), changes.tickets
    wanted = {
        "tokened": conversation.id,
        "references": (ACCOUNT, "root@mail.example"),
        "ticket_numbers": ticket_id,
    }
    seen = await look(store, **{evidence: frozenset({wanted[evidence]})})
    assert [c.id for c in seen.conversations] == [conversation.id]
    assert [c.id for c in seen.customers] == [conversation.customer_id]
    assert [t.id for t in seen.tickets] == [ticket_id]


async def test_references_say_which_conversation_they_mean(store: IntakeStore):
    changes = await take(store, a_message(external_id="one@mail.example"), a_message(external_id="two@mail.example"))
    one, two = sorted(changes.conversations)
    wanted = frozenset({(ACCOUNT, "one@mail.example"), (ACCOUNT, "two@mail.example"), (ACCOUNT, "three@mail.example")})
    assert (await look(store, references=wanted)).references == {
        (ACCOUNT, "one@mail.example"): one,
        (ACCOUNT, "two@mail.example"): two,
    }


async def test_what_was_received_is_known_by_its_key(store: IntakeStore):
    message = a_message()
    [recorded] = (await take(store, message)).received
    seen = await look(store, keys=frozenset({(message.key, b"other"), (a_message().key, b"")}))
    assert (seen.received, seen.namesakes) == ([recorded], [])


async def test_a_message_whose_id_was_taken_is_known_by_its_words_and_leads_to_its_conversation(store: IntakeStore):
    message = a_message(external_id="root@mail.example")
    [first] = (await take(store, message)).conversations.values()
    changes = await take(store, message._replace(text="Other words"))
    [recorded], [second] = changes.namesakes, changes.conversations.values()
    reference = (ACCOUNT, "root@mail.example")
    seen = await look(store, keys=frozenset({(message.key, recorded.fingerprint)}), references=frozenset({reference}))
    assert [(each.key, each.fingerprint) for each in seen.namesakes] == [(message.key, recorded.fingerprint)]
    assert (seen.references, seen.further_references) == ({reference: first.id}, [(reference, second.id)])
    assert {each.id for each in seen.conversations} == {first.id, second.id}
    assert (first.thread_key, second.thread_key) == ("root@mail.example", None)


async def test_the_same_words_under_a_taken_id_in_two_transactions_are_a_race(store: IntakeStore):
    message = a_message()
    changes = await take(store, message, message._replace(text="Other words"))
    with pytest.raises(Raced):
        await record(store, Changes(now=changes.now, namesakes=changes.namesakes))


async def record(store: IntakeStore, changes: Changes) -> None:
    async with store.transaction(NOTHING) as transaction:
        await transaction.record(changes, ())


async def test_participants_and_reply_address_come_back_as_they_were(store: IntakeStore):
    sender, recipient = a_user('ada\nlovelace, "née" B\\\t', verified=False), a_phone()
    changes = await take(store, a_message(sender, channel=Channel.CHAT, recipients=(recipient,)))
    [seen] = (await look(store, handles=frozenset({sender.key}))).conversations
    assert seen == next(iter(changes.conversations.values()))
    assert seen.participants == {sender.key, recipient.key}


async def test_nothing_is_recorded_when_the_transaction_fails(store: IntakeStore):
    message = a_message()
    with pytest.raises(ZeroDivisionError):
        await take_blindly(store, message, then=lambda: 1 / 0)
    seen = await look(
        store, keys=frozenset({(message.key, message.fingerprint)}), handles=frozenset({message.sender.key})
    )
    assert (seen.received, seen.customers) == ([], [])


async def test_a_key_that_another_transaction_has_recorded_is_a_race(store: IntakeStore):
    message = a_message()
    await take(store, message)
    with pytest.raises(Raced):
        await take_blindly(store, message._replace(sender=an_email("bob@example.com")))


async def test_handles_vouched_for_later_are_verified_from_then_on(store: IntakeStore):
    await take(store, a_message(an_email()))
    await take(store, a_message(a_user(), channel=Channel.CHAT, also=(an_email(verified=True),)))
    await take(store, a_message(an_email()))
    [handle] = (await look(store, handles=frozenset({an_email().key}))).handles
    assert handle.verified


async def test_a_handle_never_moves_to_another_customer(store: IntakeStore):
    [ada] = (await take(store, a_message(an_email()))).customers
    [bob] = (await take(store, a_message(a_user(), channel=Channel.CHAT))).customers
    async with store.transaction(NOTHING) as transaction:
        claimed = NewHandle(handle=an_email(verified=True), customer_id=bob)
        await transaction.record(Changes(now=transaction.found.now, handles=[claimed]), ())
    [handle] = (await look(store, handles=frozenset({an_email().key}))).handles
    assert (handle.customer_id, handle.verified) == (ada, False)


async def test_an_ended_session_gives_way_to_the_next(store: IntakeStore):
    def a_chat() -> InboundMessage:
        return a_message(a_user(), channel=Channel.CHAT)

    [first] = (await take(store, a_chat())).conversations.values()
    async with store.transaction(replace(NOTHING, handles=frozenset({a_user().key}))) as transaction:
        found = transaction.found
        a_week_later = World(replace(found, now=found.now + timedelta(days=7)), transaction.ids)
        message = a_chat()
        take_in(*ROOM.arrival(message), a_week_later, POLICY)
        await transaction.record(a_week_later.changes, ())
    [second] = (await look(store, handles=frozenset({a_user().key}))).conversations
    assert second.id != first.id


async def test_ids_are_never_handed_out_twice(store: IntakeStore):
    used = [ticket for _ in range(3) for ticket in (await take(store, a_message(), a_message())).tickets]
    assert len(set(used)) == 6


async def test_attempts_are_counted_until_they_are_finished(store: IntakeStore):
    one, two, never = b"1" * 32, b"2" * 32, b"3" * 32
    await store.begin_attempts([one, two, one])
    await store.begin_attempts([one])
    await store.begin_attempts([])
    assert await store.attempts([one, two, never]) == {one: 2, two: 1}
    await take(store, a_message(), finished=(one,))
    assert await store.attempts([one, two]) == {two: 1}


async def test_the_clock_does_not_run_backwards(store: IntakeStore):
    [first] = (await take(store, a_message())).tickets.values()
    [second] = (await take(store, a_message())).tickets.values()
    assert first.wait.enqueued_at < second.wait.enqueued_at


async def test_a_payload_without_a_message_is_kept_whatever_it_says(store: IntakeStore):
    delivery = ROOM.deliver()._replace(
        body=b"\x00\xff", format="\x00", account="\ud800", routing_key="a\x00", trace_id="\x00"
    )
    kept = Unprocessable(delivery, Flaw("receive", "malformed", "\ud800\x00 is not text"))
    assert await keep(store, kept) == [kept]


# four bytes each, more in all than an entry of an index may have
INCOMPRESSIBLE = "".join(map(chr, Random(1).choices(range(0x10000, 0x110000), k=255 + 512)))


@pytest.mark.parametrize(
    "key",
    [MessageKey("chat", "\ud800", "\x00"), MessageKey("chat", INCOMPRESSIBLE[:255], INCOMPRESSIBLE[255:])],
)
async def test_a_payload_is_kept_even_where_its_key_cannot_be(store: IntakeStore, key: MessageKey):
    further = (FlawedMessage(key, "\ud800\x00"),)
    kept = Unprocessable(ROOM.deliver(), Flaw("receive", "malformed", "", key, further))
    assert await keep(store, kept) == [kept]


async def test_a_payload_is_kept_once_for_each_stage_and_reason(store: IntakeStore):
    flaw = Flaw("receive", "malformed", "this")
    one = Unprocessable(ROOM.deliver(a_message()), flaw)
    again, conflict = (
        one._replace(flaw=flaw._replace(detail="that")),
        one._replace(flaw=flaw._replace(reason="key_conflict")),
    )
    other = one._replace(delivery=ROOM.deliver(a_message()))
    assert await keep(store, one, again) == [one]
    assert await keep(store, again, other, conflict) == [other, conflict]


async def keep(store: IntakeStore, *unprocessable: Unprocessable) -> Sequence[Unprocessable]:
    async with store.transaction(replace(NOTHING, messages=0)) as transaction:
        changes = Changes(now=transaction.found.now, unprocessable=list(unprocessable))
        return await transaction.record(changes, ())


@pytest.mark.parametrize("store", ["postgres_15", "postgres_18"], indirect=True)
async def test_a_text_that_the_database_refuses_is_a_data_error(store: IntakeStore):
    with pytest.raises(DataError):
        await take(store, a_message(text="half a \x00 message"))


async def test_set_aside_messages_leave_a_receipt_without_a_ticket(store: IntakeStore):
    message = a_message(a_phone(), channel=Channel.SMS, automatic="auto_reply")
    await take(store, message)
    [receipt] = (await look(store, keys=frozenset({(message.key, b"")}))).received
    assert (receipt.outcome, receipt.ticket_id) == (Outcome.SET_ASIDE, None)
