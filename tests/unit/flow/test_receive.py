"""Batches of deliveries: a bad one never holds up a good one, and outages are waited out."""

from collections.abc import Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry

from channels.errors import Malformed
from channels.message import InboundMessage, MalformedPart
from router.domain.errors import DataError, Raced, StoreUnavailable
from router.flow.intake.unprocessable import FlawedMessage
from router.flow.run.bus import Delivery
from router.metrics import Metrics
from router.policy.model import Policy
from tests.fakes.intake import FakeIntake, FakeIntakeTransaction
from tests.making.intake import MAILROOM, POLICY, deliveries, reasons, settle
from tests.making.messages import a_message, an_email


def texts(store: FakeIntake) -> list[str]:
    return [stored.message.text for stored in store.messages]


async def test_an_ordinary_batch_is_one_transaction():
    store = await settle(FakeIntake(), deliveries(20))
    assert (store.transactions, len(store.messages)) == (1, 20)


async def test_one_delivery_may_hold_several_messages():
    store = await settle(FakeIntake(), [MAILROOM.deliver(a_message(text="one"), a_message(text="two"))])
    assert texts(store) == ["one", "two"]


async def test_a_delivery_without_messages_is_settled():
    assert (await settle(FakeIntake(), [MAILROOM.deliver()])).messages == []


async def test_malformed_payloads_are_kept_whole_while_their_neighbours_pass():
    bad = Delivery(body=b"\xff", format="message.v1", account="support@acme.example", trace_id="t1")
    good = deliveries(2)
    store = await settle(FakeIntake(), [good[0], bad, good[1]])
    [kept] = store.unprocessable
    assert (kept.delivery, kept.flaw.stage, kept.flaw.reason) == (bad, "receive", "malformed")
    assert kept.flaw.detail == "body: is not a parcel of this mailroom"
    assert (store.transactions, len(store.messages)) == (1, 2)


async def test_a_payload_that_breaks_its_reader_is_kept_while_its_neighbours_pass():
    bad = Delivery(body=b"breaks", format="message.v1")

    def brittle(format_: str, body: bytes, account: str | None):
        return MAILROOM.open(format_, body, account) if body != bad.body else 1 / 0

    store = await settle(FakeIntake(), [*deliveries(2), bad], parse=brittle)
    assert [(kept.delivery, kept.flaw.reason) for kept in store.unprocessable] == [(bad, "cannot_be_read")]
    assert len(store.messages) == 2


async def test_a_malformed_message_does_not_hold_up_its_siblings():
    part = MalformedPart(field="entry.0.from", problem="is missing")
    store = await settle(FakeIntake(), [MAILROOM.deliver(a_message(), malformed=(part,))])
    assert [kept.flaw.detail for kept in store.unprocessable] == ["entry.0.from: is missing"]
    assert len(store.messages) == 1


async def test_all_that_is_malformed_in_a_delivery_is_kept_as_one():
    parts = tuple(MalformedPart(field=f"messages.{i}.from", problem="is missing") for i in range(1000))
    store = await settle(FakeIntake(), [MAILROOM.deliver(a_message(), malformed=parts)])
    assert [kept.flaw.detail for kept in store.unprocessable] == [
        "messages.0.from: is missing; messages.1.from: is missing; messages.2.from: is missing; and 997 more"
    ]


async def test_all_that_a_delivery_brings_under_one_id_is_taken_in_once():
    delivery = MAILROOM.deliver(*(a_message(text=str(number), external_id="the same") for number in range(5)))
    store = await settle(FakeIntake(), [delivery, delivery])
    assert (texts(store), reasons(store)) == (["0", "1", "2", "3", "4"], [])


async def test_what_comes_again_after_it_was_kept_is_neither_kept_nor_counted_twice():
    metrics = Metrics(CollectorRegistry())
    store, bad = FakeIntake(), Delivery(body=b"\xff", format="email.rfc822")
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

    store = await settle(FakeIntake(), [MAILROOM.deliver(message)])
    await settle(store, deliveries(1), parse=unreadable)
    await settle(store, [MAILROOM.deliver(malformed=(MalformedPart(field="from", problem="is missing", key=key),))])
    assert [kept.flaw.key for kept in store.unprocessable] == [message.key, key, key]


async def test_each_malformed_message_of_a_delivery_is_found_by_its_key_with_what_is_wrong_with_it():
    first, second = a_message().key, a_message().key
    parts = (
        MalformedPart(field="messages.0.text", problem="must be an object", key=first),
        MalformedPart(field="messages.1.id", problem="is missing"),
        MalformedPart(field="messages.2.from", problem="is missing", key=second),
    )
    [kept] = (await settle(FakeIntake(), [MAILROOM.deliver(malformed=parts)])).unprocessable
    assert (kept.flaw.key, kept.flaw.further) == (first, (FlawedMessage(second, "messages.2.from: is missing"),))


async def test_each_message_of_a_delivery_that_the_store_refuses_is_found_by_its_key(monkeypatch: pytest.MonkeyPatch):
    messages = [a_message(text="refused") for _ in range(3)]
    refuse(monkeypatch, lambda message: message.text == "refused")
    [kept] = (await settle(FakeIntake(), [MAILROOM.deliver(*messages)])).unprocessable
    assert [kept.flaw.key, *(further.key for further in kept.flaw.further)] == [message.key for message in messages]


@pytest.mark.parametrize("position", [0, 3, 6])
async def test_what_the_store_refuses_is_found_by_halving_and_kept(position: int, monkeypatch: pytest.MonkeyPatch):
    batch = deliveries(7)
    batch[position] = offender = MAILROOM.deliver(a_message(text="refused"))
    refuse(monkeypatch, lambda message: message.text == "refused")
    store = await settle(FakeIntake(), batch)
    [kept] = store.unprocessable
    assert (kept.delivery, kept.flaw.stage, kept.flaw.reason) == (offender, "record", "cannot_be_recorded")
    assert "DataError" in kept.flaw.detail
    assert [stored.delivery for stored in store.messages] == [d for d in batch if d is not offender]


def refuse(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[InboundMessage], bool]) -> None:
    """Let the store's transactions fail with some messages, as a database does with a value that it cannot hold."""
    record = FakeIntakeTransaction.record

    async def picky(self, changes, finished):
        if any(is_bad(stored.message) for stored in changes.messages):
            raise DataError
        return await record(self, changes, finished)

    monkeypatch.setattr(FakeIntakeTransaction, "record", picky)


async def test_a_message_that_no_decision_survives_is_found_by_halving_and_kept():
    class Treacherous:
        """A policy that fails for one sender."""

        def __getattr__(self, name: str) -> object:
            return getattr(POLICY, name)

        def blocks(self, address: str) -> bool:
            return 1 / (address != "treason@example.com") > 1

    offender = MAILROOM.deliver(a_message(an_email("treason@example.com")))
    batch = [*deliveries(3), offender, *deliveries(2)]
    policy: Policy = Treacherous()  # type: ignore[assignment]
    store = await settle(FakeIntake(), batch, policy=lambda: policy)
    assert [(kept.delivery, kept.flaw.detail) for kept in store.unprocessable] == [
        (offender, "ZeroDivisionError: division by zero")
    ]
    assert len(store.messages) == 5


async def test_an_outage_is_waited_out_without_blaming_a_message():
    store = FakeIntake(failures=[StoreUnavailable()])
    await settle(store, deliveries(5))
    assert (store.transactions, len(store.messages), store.unprocessable) == (2, 5, [])


async def test_a_batch_waits_in_one_piece_while_the_store_does_not_answer_at_all(monkeypatch: pytest.MonkeyPatch):
    store = FakeIntake(failures=[StoreUnavailable(), StoreUnavailable()])
    silent, attempts = [StoreUnavailable(), StoreUnavailable()], store.attempts

    async def answer(hashes: Sequence[bytes]):
        if silent:
            raise silent.pop()
        return await attempts(hashes)

    monkeypatch.setattr(store, "attempts", answer)
    await settle(store, deliveries(5))
    assert (silent, len(store.messages), store.unprocessable) == ([], 5, [])


async def test_a_batch_that_the_store_never_gets_through_with_is_halved_until_it_does(monkeypatch: pytest.MonkeyPatch):
    record, sizes = FakeIntakeTransaction.record, []

    async def slow(self, changes, finished):
        sizes.append(len(changes.messages))
        if len(changes.messages) > 2:
            raise StoreUnavailable
        return await record(self, changes, finished)

    monkeypatch.setattr(FakeIntakeTransaction, "record", slow)
    batch = deliveries(8)
    store = await settle(FakeIntake(), batch)
    assert sizes == [8, 8, 4, 4, 2, 2, 4, 4, 2, 2]
    assert ([stored.delivery for stored in store.messages], store.unprocessable) == (batch, [])


async def test_an_outage_while_keeping_the_offender_loses_nothing():
    store = FakeIntake(failures=[DataError(), StoreUnavailable()])
    await settle(store, deliveries(1))
    assert reasons(store) == ["cannot_be_recorded"]


async def test_a_race_is_repeated():
    store = FakeIntake(failures=[Raced(), Raced(), Raced()])
    await settle(store, deliveries(5))
    assert (len(store.messages), store.unprocessable) == (5, [])


async def test_a_race_that_never_ends_is_a_fault_of_the_message():
    store = FakeIntake(failures=[Raced()] * 4)
    await settle(store, deliveries(1))
    assert reasons(store) == ["cannot_be_recorded"]


async def test_a_batch_that_cannot_even_be_kept_stays_with_the_bus():
    store = FakeIntake(failures=[DataError(), DataError()])
    with pytest.raises(DataError):
        await settle(store, deliveries(1))


async def test_what_was_settled_is_counted_by_channel_and_outcome():
    registry = CollectorRegistry()
    message = a_message()
    bad = Delivery(body=b"\xff", format="email.rfc822")
    batch = [MAILROOM.deliver(message), MAILROOM.deliver(message), bad, bad._replace(format="junk")]
    await settle(FakeIntake(), batch, metrics=Metrics(registry))

    def counted(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert counted("router_messages_received_total", channel="email", outcome="queued") == 1
    assert counted("router_messages_received_total", channel="email", outcome="duplicate") == 1
    assert counted("router_messages_unprocessable_total", channel="email", stage="receive") == 1
    assert counted("router_messages_unprocessable_total", channel="unknown", stage="receive") == 1
    assert counted("router_tickets_queued_total", queue="general", channel="email", reason="new") == 1
