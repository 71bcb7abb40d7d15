"""Two batches overlap as far as their order allows, and no further."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from router.domain.errors import DataError, StoreUnavailable
from router.flow.intake.receive import Wanted
from router.flow.intake.turns import ComesAgain, Overtaken, Turn, Turns
from tests.fakes.intake import FakeIntake, FakeIntakeTransaction
from tests.making.intake import a_receiver
from tests.making.messages import Mailroom, a_message

ROOM = Mailroom()


async def until_all_wait() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def is_done(waiting: Awaitable[object]) -> bool:
    """Whether it ends without anything else happening."""
    task = asyncio.ensure_future(waiting)
    await until_all_wait()
    if task.done():
        await task
        return True
    task.cancel()
    return False


@pytest.fixture
async def pair() -> tuple[Turn, Turn]:
    turns = Turns()
    return turns.next(), turns.next()


async def test_the_next_batch_locks_after_the_first_has_its_locks_and_writes_after_it_has_ended(
    pair: tuple[Turn, Turn],
):
    first, second = pair
    assert await is_done(first.may_lock())
    assert not await is_done(second.may_lock())
    first.has_locked.tell(True)
    assert await is_done(second.may_lock())
    assert await is_done(first.may_write())
    assert not await is_done(second.may_write())
    first.end()
    assert await is_done(second.may_write())


async def test_a_batch_that_stumbles_sends_the_next_one_back_behind_itself(pair: tuple[Turn, Turn]):
    first, second = pair
    first.has_locked.tell(True)
    await second.may_lock()
    await first.begin_anew()
    with pytest.raises(Overtaken):
        await second.may_write()
    assert not await is_done(second.begin_anew())
    first.end()
    await second.begin_anew()
    await second.may_lock()
    await second.may_write()


async def test_a_batch_that_stumbles_before_it_has_locks_lets_nobody_lock(pair: tuple[Turn, Turn]):
    first, second = pair
    await first.begin_anew()
    with pytest.raises(Overtaken):
        await second.may_lock()


async def test_a_batch_that_comes_again_takes_the_next_one_along(pair: tuple[Turn, Turn]):
    first, second = pair
    first.has_locked.tell(True)
    await second.may_lock()
    first.fail()
    with pytest.raises(Overtaken):
        await second.may_write()
    with pytest.raises(ComesAgain):
        await second.begin_anew()


async def test_a_turn_forgets_those_before_it_once_it_has_ended():
    turns = Turns()
    first = turns.next()
    second = turns.next()
    first.end()
    second.end()
    third = turns.next()
    assert await is_done(third.may_write())
    assert second._before is None


class SlowIntake(FakeIntake):
    """Notes what its transactions do, and holds back each step until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.lets_lock = asyncio.Event()
        self.lets_go = asyncio.Event()

    @asynccontextmanager
    async def transaction(self, wanted: Wanted) -> AsyncIterator[FakeIntakeTransaction]:
        self.steps.append(f"load {wanted.messages}")
        await self.lets_lock.wait()
        async with super().transaction(wanted) as transaction:
            yield _Noting(self, transaction)


class _Noting:
    def __init__(self, store: SlowIntake, transaction: FakeIntakeTransaction) -> None:
        self._store = store
        self._transaction = transaction
        self.found = transaction.found
        self.ids = transaction.ids

    async def record(self, changes, finished):
        self._store.steps.append(f"record {len(changes.messages)}")
        await self._store.lets_go.wait()
        return await self._transaction.record(changes, finished)


async def settle_two(store: SlowIntake) -> list[object]:
    """A batch of one and a batch of two, handed over before the first has returned."""
    receiver = a_receiver(store, parse=ROOM.open)
    batches = [[ROOM.deliver(a_message())], [ROOM.deliver(a_message()) for _ in range(2)]]
    tasks = [asyncio.create_task(receiver.take(batch)) for batch in batches]
    for step in (store.lets_lock, store.lets_go):
        await until_all_wait()
        store.steps.append("…")
        step.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_batch_is_loaded_while_the_one_before_is_recorded():
    store = SlowIntake()
    await settle_two(store)
    assert store.steps == ["load 1", "…", "record 1", "load 2", "…", "record 2"]
    assert [stored.id for stored in store.messages] == sorted(stored.id for stored in store.messages)


async def test_after_an_outage_both_begin_anew_in_order():
    store = SlowIntake()
    store.failures = [StoreUnavailable()]
    assert await settle_two(store) == [None, None]
    assert store.steps == ["load 1", "…", "record 1", "load 2", "…", "load 1", "record 1", "load 2", "record 2"]
    assert len(store.messages) == 3


async def test_if_a_batch_comes_again_so_does_the_next():
    store = SlowIntake()
    store.failures = [DataError(), DataError()]
    first, second = await settle_two(store)
    assert (type(first), type(second)) == (DataError, ComesAgain)
    assert store.messages == []


async def test_a_batch_that_was_cut_short_holds_up_nothing_that_comes_after_it():
    store = SlowIntake()
    receiver = a_receiver(store, parse=ROOM.open)
    cut_short = asyncio.create_task(receiver.take([ROOM.deliver(a_message())]))
    await until_all_wait()
    cut_short.cancel()
    await asyncio.wait({cut_short})
    store.lets_lock.set()
    store.lets_go.set()
    await receiver.take([ROOM.deliver(a_message())])
    await receiver.take([ROOM.deliver(a_message(), redelivered=True)])
    assert len(store.messages) == 2
