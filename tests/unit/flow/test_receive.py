"""Batches of deliveries: a bad one never holds up a good one, outages are waited out, suspects are cornered."""

from collections.abc import Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry

from channels.errors import Malformed
from channels.message import InboundMessage, MalformedPart
from router.domain.errors import DataError, Raced, StoreUnavailable
from router.flow.bus import Delivery
from router.flow.changes import RefusedMessage
from router.flow.suspects import fingerprint
from router.metrics import Metrics
from router.policy.model import Policy
from tests.fakes import MemoryIntake, MemoryTransaction
from tests.intake import POLICY, a_receiver
from tests.messages import Mailroom, a_message, an_email

ROOM = Mailroom()


def deliveries(count: int, *, redelivered: bool = False) -> list[Delivery]:
    return [ROOM.deliver(a_message(), redelivered=redelivered) for _ in range(count)]


async def settle(store: MemoryIntake, batch: Sequence[Delivery], **parts: object) -> MemoryIntake:
    await a_receiver(store, **{"parse": ROOM.open, **parts}).take(batch)
    return store


def texts(store: MemoryIntake) -> list[str]:
    return [stored.message.text for stored in store.messages]


def reasons(store: MemoryIntake) -> list[str]:
    return [refused.reason for refused in store.unprocessable]


async def test_an_ordinary_batch_is_one_transaction():
    store = await settle(MemoryIntake(), deliveries(20))
    assert (store.transactions, len(store.messages)) == (1, 20)


async def test_one_delivery_may_hold_several_messages():
    store = await settle(MemoryIntake(), [ROOM.deliver(a_message(text="one"), a_message(text="two"))])
    assert texts(store) == ["one", "two"]


async def test_a_delivery_without_messages_is_settled():
    assert (await settle(MemoryIntake(), [ROOM.deliver()])).messages == []


async def test_malformed_payloads_are_kept_whole_while_their_neighbours_pass():
    bad = Delivery(body=b"\xff", format="message.v1", account="support@acme.example", trace_id="t1")
    good = deliveries(2)
    store = await settle(MemoryIntake(), [good[0], bad, good[1]])
    [kept] = store.unprocessable
    assert (kept.delivery, kept.stage, kept.reason) == (bad, "receive", "malformed")
    assert kept.detail == "body: is not a parcel of this mailroom"
    assert (store.transactions, len(store.messages)) == (1, 2)


async def test_a_payload_that_breaks_its_reader_is_kept_while_its_neighbours_pass():
    bad = Delivery(body=b"breaks", format="message.v1")

    def brittle(format_: str, body: bytes, account: str | None):
        return ROOM.open(format_, body, account) if body != bad.body else 1 / 0

    store = await settle(MemoryIntake(), [*deliveries(2), bad], parse=brittle)
    assert [(kept.delivery, kept.reason) for kept in store.unprocessable] == [(bad, "cannot_be_read")]
    assert len(store.messages) == 2


async def test_a_malformed_message_does_not_hold_up_its_siblings():
    part = MalformedPart(field="entry.0.from", problem="is missing")
    store = await settle(MemoryIntake(), [ROOM.deliver(a_message(), malformed=(part,))])
    assert [refused.detail for refused in store.unprocessable] == ["entry.0.from: is missing"]
    assert len(store.messages) == 1


async def test_all_that_is_malformed_in_a_delivery_is_kept_as_one():
    parts = tuple(MalformedPart(field=f"messages.{i}.from", problem="is missing") for i in range(1000))
    store = await settle(MemoryIntake(), [ROOM.deliver(a_message(), malformed=parts)])
    assert [refused.detail for refused in store.unprocessable] == [
        "messages.0.from: is missing; messages.1.from: is missing; messages.2.from: is missing; and 997 more"
    ]


async def test_all_that_conflicts_in_a_delivery_is_kept_as_one():
    messages = [a_message(text=str(number), external_id="the same") for number in range(5)]
    store = await settle(MemoryIntake(), [ROOM.deliver(*messages)])
    assert (texts(store), reasons(store)) == (["0"], ["key_conflict"])


async def test_what_comes_again_after_it_was_kept_is_neither_kept_nor_counted_twice():
    metrics = Metrics(CollectorRegistry())
    store, bad = MemoryIntake(), Delivery(body=b"\xff", format="email.rfc822")
    await settle(store, [bad], metrics=metrics)
    await settle(store, [bad._replace(redelivered=True)], metrics=metrics)
    labels = {"channel": "email", "stage": "receive"}
    assert metrics.registry.get_sample_value("router_messages_unprocessable_total", labels) == 1
    assert reasons(store) == ["malformed"]


async def test_what_is_refused_is_found_by_the_key_of_its_message(monkeypatch: pytest.MonkeyPatch):
    message, key = a_message(text="refused"), a_message().key
    refuse(monkeypatch, lambda message: message.text == "refused")

    def unreadable(_format: str, body: bytes, _account: str | None):
        raise Malformed("text", "is missing", key=key)

    store = await settle(MemoryIntake(), [ROOM.deliver(message)])
    await settle(store, deliveries(1), parse=unreadable)
    await settle(store, [ROOM.deliver(malformed=(MalformedPart(field="from", problem="is missing", key=key),))])
    assert [kept.key for kept in store.unprocessable] == [message.key, key, key]


async def test_each_malformed_message_of_a_delivery_is_found_by_its_key_with_what_is_wrong_with_it():
    first, second = a_message().key, a_message().key
    parts = (
        MalformedPart(field="messages.0.text", problem="must be an object", key=first),
        MalformedPart(field="messages.1.id", problem="is missing"),
        MalformedPart(field="messages.2.from", problem="is missing", key=second),
    )
    [kept] = (await settle(MemoryIntake(), [ROOM.deliver(malformed=parts)])).unprocessable
    assert (kept.key, kept.further) == (first, (RefusedMessage(second, "messages.2.from: is missing"),))


async def test_each_message_of_a_delivery_that_the_store_refuses_is_found_by_its_key(monkeypatch: pytest.MonkeyPatch):
    messages = [a_message(text="refused") for _ in range(3)]
    refuse(monkeypatch, lambda message: message.text == "refused")
    [kept] = (await settle(MemoryIntake(), [ROOM.deliver(*messages)])).unprocessable
    assert [kept.key, *(further.key for further in kept.further)] == [message.key for message in messages]


@pytest.mark.parametrize("position", [0, 3, 6])
async def test_what_the_store_refuses_is_found_by_halving_and_kept(position: int, monkeypatch: pytest.MonkeyPatch):
    batch = deliveries(7)
    batch[position] = offender = ROOM.deliver(a_message(text="refused"))
    refuse(monkeypatch, lambda message: message.text == "refused")
    store = await settle(MemoryIntake(), batch)
    [kept] = store.unprocessable
    assert (kept.delivery, kept.stage, kept.reason) == (offender, "record", "cannot_be_recorded")
    assert "DataError" in kept.detail
    assert [stored.delivery for stored in store.messages] == [d for d in batch if d is not offender]


def refuse(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[InboundMessage], bool]) -> None:
    """Let the store's transactions fail with some messages, as a database does with a value that it cannot hold."""
    record = MemoryTransaction.record

    async def picky(self, changes, finished):
        if any(is_bad(stored.message) for stored in changes.messages):
            raise DataError
        return await record(self, changes, finished)

    monkeypatch.setattr(MemoryTransaction, "record", picky)


async def test_a_message_that_no_decision_survives_is_found_by_halving_and_kept():
    class Treacherous:
        """A policy that fails for one sender."""

        def __getattr__(self, name: str) -> object:
            return getattr(POLICY, name)

        def blocks(self, address: str) -> bool:
            return 1 / (address != "treason@example.com") > 1

    offender = ROOM.deliver(a_message(an_email("treason@example.com")))
    batch = [*deliveries(3), offender, *deliveries(2)]
    policy: Policy = Treacherous()  # type: ignore[assignment]
    store = await settle(MemoryIntake(), batch, policy=lambda: policy)
    assert [(kept.delivery, kept.detail) for kept in store.unprocessable] == [
        (offender, "ZeroDivisionError: division by zero")
    ]
    assert len(store.messages) == 5


async def test_an_outage_is_waited_out_without_blaming_a_message():
    store = MemoryIntake(failures=[StoreUnavailable()])
    await settle(store, deliveries(5))
    assert (store.transactions, len(store.messages), store.unprocessable) == (2, 5, [])


async def test_a_batch_waits_in_one_piece_while_the_store_does_not_answer_at_all(monkeypatch: pytest.MonkeyPatch):
    store = MemoryIntake(failures=[StoreUnavailable(), StoreUnavailable()])
    silent, attempts = [StoreUnavailable(), StoreUnavailable()], store.attempts

    async def answer(hashes: Sequence[bytes]):
        if silent:
            raise silent.pop()
        return await attempts(hashes)

    monkeypatch.setattr(store, "attempts", answer)
    await settle(store, deliveries(5))
    assert (silent, len(store.messages), store.unprocessable) == ([], 5, [])


async def test_a_batch_that_the_store_never_gets_through_with_is_halved_until_it_does(monkeypatch: pytest.MonkeyPatch):
    record, sizes = MemoryTransaction.record, []

    async def slow(self, changes, finished):
        sizes.append(len(changes.messages))
        if len(changes.messages) > 2:
            raise StoreUnavailable
        return await record(self, changes, finished)

    monkeypatch.setattr(MemoryTransaction, "record", slow)
    batch = deliveries(8)
    store = await settle(MemoryIntake(), batch)
    assert sizes == [8, 8, 4, 4, 2, 2, 4, 4, 2, 2]
    assert ([stored.delivery for stored in store.messages], store.unprocessable) == (batch, [])


async def test_an_outage_while_keeping_the_offender_loses_nothing():
    store = MemoryIntake(failures=[DataError(), StoreUnavailable()])
    await settle(store, deliveries(1))
    assert reasons(store) == ["cannot_be_recorded"]


async def test_a_race_is_repeated():
    store = MemoryIntake(failures=[Raced(), Raced(), Raced()])
    await settle(store, deliveries(5))
    assert (len(store.messages), store.unprocessable) == (5, [])


async def test_a_race_that_never_ends_is_a_fault_of_the_message():
    store = MemoryIntake(failures=[Raced()] * 4)
    await settle(store, deliveries(1))
    assert reasons(store) == ["cannot_be_recorded"]


async def test_a_batch_that_cannot_even_be_kept_stays_with_the_bus():
    store = MemoryIntake(failures=[DataError(), DataError()])
    with pytest.raises(DataError):
        await settle(store, deliveries(1))


async def test_first_deliveries_pay_nothing_for_suspicion(monkeypatch: pytest.MonkeyPatch):
    async def asked(*_: object) -> None:
        raise AssertionError("attempts were looked at")

    monkeypatch.setattr(MemoryIntake, "attempts", asked)
    monkeypatch.setattr(MemoryIntake, "begin_attempts", asked)
    assert len((await settle(MemoryIntake(), deliveries(3))).messages) == 3


async def test_redeliveries_are_begun_before_and_finished_with_their_effect():
    seen: list[int] = []
    store = MemoryIntake()
    batch = deliveries(3, redelivered=True)

    def looking(*arguments: object):
        seen.append(len(store.begun))
        return ROOM.open(*arguments)

    await settle(store, batch, parse=looking)
    assert seen == [3, 3, 3]
    assert (len(store.messages), +store.begun) == (3, {})


class Death(BaseException):
    """The end of a process: nothing in it may catch this."""


def deadly(poison: Delivery, deaths: list[int], store: MemoryIntake):
    """A parser that dies of the poison, and notes how many were begun then."""

    def open_(format_: str, body: bytes, account: str | None):
        if body == poison.body:
            deaths.append(len(+store.begun))
            raise Death
        return ROOM.open(format_, body, account)

    return open_


async def test_poison_is_cornered_in_four_deaths_and_its_neighbours_pass():
    store, deaths, alone = MemoryIntake(), [], []
    batch = deliveries(100)
    poison = batch[57]

    async def isolate(delivery: Delivery) -> bool:
        alone.append(delivery.body)
        return False

    async def lifetime() -> bool:
        again = [delivery._replace(redelivered=bool(deaths)) for delivery in batch]
        try:
            await settle(store, again, parse=deadly(poison, deaths, store), isolate=isolate)
        except Death:
            return False
        return True

    lives = 1
    while not await lifetime():
        lives += 1
    assert lives == 5
    assert deaths == [
        0,
        100,
        44,
        43,
    ]  # the whole batch, its chunk of fourteen and all after it, itself and all after it
    assert alone == [poison.body] * 2
    assert [(kept.delivery.body, kept.stage, kept.reason) for kept in store.unprocessable] == [
        (poison.body, "process", "kills_its_process")
    ]
    assert (len(store.messages), +store.begun) == (99, {})


def a_suspect(store: MemoryIntake, *, begun: int = 3) -> Delivery:
    """A delivery that has been begun so often and never finished."""
    [suspect] = deliveries(1, redelivered=True)
    store.begun[fingerprint(suspect)] = begun
    return suspect


async def test_a_suspect_that_survives_alone_is_settled_and_a_suspect_no_more():
    store, alone = MemoryIntake(), []

    async def isolate(delivery: Delivery) -> bool:
        alone.append(delivery)
        return True

    suspect = a_suspect(store)
    await settle(store, [*deliveries(2), suspect, *deliveries(2)], isolate=isolate)
    assert (alone, store.unprocessable, +store.begun) == ([suspect], [], {})
    assert len(store.messages) == 4


async def test_a_suspect_has_a_second_chance_since_chance_ends_processes_too():
    store, verdicts = MemoryIntake(), [True, False]

    async def isolate(_delivery: Delivery) -> bool:
        return verdicts.pop()

    await settle(store, [a_suspect(store)], isolate=isolate)
    assert (verdicts, store.unprocessable) == ([], [])


async def test_each_try_alone_is_counted_before_it_begins():
    store, counted = MemoryIntake(), []
    suspect = a_suspect(store)

    async def isolate(delivery: Delivery) -> bool:
        counted.append(store.begun[fingerprint(delivery)])
        return False

    await settle(store, [suspect], isolate=isolate)
    assert (counted, +store.begun) == ([4, 5], {})


async def test_deaths_that_nobody_saw_from_outside_do_not_tell_against_a_suspect():
    store, verdicts = MemoryIntake(), [True, False]

    async def isolate(_delivery: Delivery) -> bool:
        return verdicts.pop()

    await settle(store, [a_suspect(store, begun=25)], isolate=isolate)
    assert (verdicts, store.unprocessable, +store.begun) == ([], [], {})


async def test_a_suspect_that_ended_thirty_processes_is_kept_without_another_try():
    store = MemoryIntake()
    await settle(store, [a_suspect(store, begun=30)])
    assert (reasons(store), +store.begun) == (["kills_its_process"], {})


async def test_a_suspect_that_cannot_be_tried_now_is_tried_later_and_not_blamed():
    store, begun = MemoryIntake(), []

    async def isolate(delivery: Delivery) -> bool:
        begun.append(store.begun[fingerprint(delivery)])
        if len(begun) < 4:
            raise StoreUnavailable
        return True

    await settle(store, [a_suspect(store)], isolate=isolate)
    assert (begun, store.unprocessable, +store.begun) == ([4, 4, 4, 4], [], {})


async def test_the_order_of_arrival_is_kept_through_suspicion():
    store = MemoryIntake()
    batch = deliveries(40, redelivered=True)
    for delivery in batch[10:30]:
        store.begun[fingerprint(delivery)] = 1
    await settle(store, batch)
    assert [stored.delivery for stored in store.messages] == batch
    assert store.transactions == 4


async def test_what_was_settled_is_counted_by_channel_and_outcome():
    registry = CollectorRegistry()
    message = a_message()
    bad = Delivery(body=b"\xff", format="email.rfc822")
    batch = [ROOM.deliver(message), ROOM.deliver(message), bad, bad._replace(format="junk")]
    await settle(MemoryIntake(), batch, metrics=Metrics(registry))

    def counted(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert counted("router_messages_received_total", channel="email", outcome="queued") == 1
    assert counted("router_messages_received_total", channel="email", outcome="duplicate") == 1
    assert counted("router_messages_unprocessable_total", channel="email", stage="receive") == 1
    assert counted("router_messages_unprocessable_total", channel="unknown", stage="receive") == 1
    assert counted("router_tickets_queued_total", queue="general", channel="email", reason="new") == 1
