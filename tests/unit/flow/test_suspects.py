"""What may have killed its process: suspects among redeliveries are cornered, tried alone, and kept at last."""

import pytest

from router.domain.errors import StoreUnavailable
from router.flow.intake.suspects import hash_of
from router.flow.run.bus import Delivery
from tests.fakes.intake import FakeIntake
from tests.making.intake import MAILROOM, deliveries, reasons, settle


async def test_first_deliveries_pay_nothing_for_suspicion(monkeypatch: pytest.MonkeyPatch):
    async def asked(*_: object) -> None:
        raise AssertionError("attempts were looked at")

    monkeypatch.setattr(FakeIntake, "attempts", asked)
    monkeypatch.setattr(FakeIntake, "begin_attempts", asked)
    assert len((await settle(FakeIntake(), deliveries(3))).messages) == 3


async def test_redeliveries_are_begun_before_and_finished_with_their_effect():
    seen: list[int] = []
    store = FakeIntake()
    batch = deliveries(3, redelivered=True)

    def looking(*arguments: object):
        seen.append(len(store.begun))
        return MAILROOM.open(*arguments)

    await settle(store, batch, parse=looking)
    assert seen == [3, 3, 3]
    assert (len(store.messages), +store.begun) == (3, {})


class Death(BaseException):
    """The end of a process: nothing in it may catch this."""


def deadly(poison: Delivery, deaths: list[int], store: FakeIntake):
    """A parser that dies of the poison, and notes how many were begun then."""

    def open_(format_: str, body: bytes, account: str | None):
        if body == poison.body:
            deaths.append(len(+store.begun))
            raise Death
        return MAILROOM.open(format_, body, account)

    return open_


async def test_poison_is_cornered_in_four_deaths_and_its_neighbours_pass():
    store, deaths, alone = FakeIntake(), [], []
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
    # the whole batch, its chunk of fourteen and all after it, itself and all after it
    assert deaths == [0, 100, 44, 43]
    assert alone == [poison.body] * 2
    assert [(kept.delivery.body, kept.flaw.stage, kept.flaw.reason) for kept in store.unprocessable] == [
        (poison.body, "process", "kills_its_process")
    ]
    assert (len(store.messages), +store.begun) == (99, {})


def a_suspect(store: FakeIntake, *, begun: int = 3) -> Delivery:
    """A delivery that has been begun so often and never finished."""
    [suspect] = deliveries(1, redelivered=True)
    store.begun[hash_of(suspect)] = begun
    return suspect


async def test_a_suspect_that_survives_alone_is_settled_and_a_suspect_no_more():
    store, alone = FakeIntake(), []

    async def isolate(delivery: Delivery) -> bool:
        alone.append(delivery)
        return True

    suspect = a_suspect(store)
    await settle(store, [*deliveries(2), suspect, *deliveries(2)], isolate=isolate)
    assert (alone, store.unprocessable, +store.begun) == ([suspect], [], {})
    assert len(store.messages) == 4


async def test_a_suspect_has_a_second_chance_since_chance_ends_processes_too():
    store, verdicts = FakeIntake(), [True, False]

    async def isolate(_delivery: Delivery) -> bool:
        return verdicts.pop()

    await settle(store, [a_suspect(store)], isolate=isolate)
    assert (verdicts, store.unprocessable) == ([], [])


async def test_each_try_alone_is_counted_before_it_begins():
    store, counted = FakeIntake(), []
    suspect = a_suspect(store)

    async def isolate(delivery: Delivery) -> bool:
        counted.append(store.begun[hash_of(delivery)])
        return False

    await settle(store, [suspect], isolate=isolate)
    assert (counted, +store.begun) == ([4, 5], {})


async def test_deaths_that_nobody_saw_from_outside_do_not_tell_against_a_suspect():
    store, verdicts = FakeIntake(), [True, False]

    async def isolate(_delivery: Delivery) -> bool:
        return verdicts.pop()

    await settle(store, [a_suspect(store, begun=25)], isolate=isolate)
    assert (verdicts, store.unprocessable, +store.begun) == ([], [], {})


async def test_a_suspect_that_ended_thirty_processes_is_kept_without_another_try():
    store = FakeIntake()
    await settle(store, [a_suspect(store, begun=30)])
    assert (reasons(store), +store.begun) == (["kills_its_process"], {})


async def test_a_suspect_that_cannot_be_tried_now_is_tried_later_and_not_blamed():
    store, begun = FakeIntake(), []

    async def isolate(delivery: Delivery) -> bool:
        begun.append(store.begun[hash_of(delivery)])
        if len(begun) < 4:
            raise StoreUnavailable
        return True

    await settle(store, [a_suspect(store)], isolate=isolate)
    assert (begun, store.unprocessable, +store.begun) == ([4, 4, 4, 4], [], {})


async def test_the_order_of_arrival_is_kept_through_suspicion():
    store = FakeIntake()
    batch = deliveries(40, redelivered=True)
    for delivery in batch[10:30]:
        store.begun[hash_of(delivery)] = 1
    await settle(store, batch)
    assert [stored.delivery for stored in store.messages] == batch
    assert store.transactions == 4
