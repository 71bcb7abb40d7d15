"""The switch: intake runs while it is on, and an outage leaves it as it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from router.domain.errors import StoreUnavailable
from router.flow.run import switch as flow
from router.flow.run.switch import Switch

DEADLINE_S = 5


class Job:
    """Work that goes on until it is cancelled, and says when it began and when it ended."""

    def __init__(self) -> None:
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.ended.clear()
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.began.clear()
            self.ended.set()


class Store:
    """Where the switch is kept; while `answers` is an exception, that is raised."""

    def __init__(self, *, is_on: bool) -> None:
        self.answer: bool | Exception = is_on

    async def is_on(self) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.001)


@asynccontextmanager
async def running(store: Store, job: Callable, otherwise: Callable | None = None) -> AsyncIterator[Switch]:
    switch = Switch(store.is_on)
    task = asyncio.create_task(switch.run(job, otherwise or Job()))
    async with asyncio.timeout(DEADLINE_S):
        yield switch
    task.cancel()
    await asyncio.wait([task])


async def test_turned_off_it_ends_the_job_for_another_and_turned_on_it_begins_anew():
    store, job, otherwise = Store(is_on=True), Job(), Job()
    with capture_logs() as logs:
        await turn_off_and_on(store, job, otherwise)
    assert job.ended.is_set()
    assert [line["event"] for line in logs] == ["intake switched off", "intake switched on"]


async def turn_off_and_on(store: Store, job: Job, otherwise: Job) -> None:
    async with running(store, job, otherwise) as switch:
        await job.began.wait()
        assert not otherwise.began.is_set()
        store.answer = False
        await otherwise.began.wait()
        assert job.ended.is_set()
        assert not switch.is_on
        store.answer = True
        await job.began.wait()
        assert otherwise.ended.is_set()
        assert switch.is_on


@pytest.mark.parametrize("last_seen", [True, False])
async def test_an_outage_leaves_it_as_it_was_last_seen(last_seen: bool):
    store = Store(is_on=last_seen)
    switch = Switch(store.is_on)
    await switch._look()
    store.answer = StoreUnavailable()
    assert await switch._look() is last_seen


async def test_before_it_was_ever_read_it_counts_as_on():
    store, job = Store(is_on=True), Job()
    store.answer = StoreUnavailable()
    async with running(store, job):
        await job.began.wait()


async def test_a_job_that_fails_ends_the_run_with_its_error():
    async def failing() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Switch(Store(is_on=True).is_on).run(failing, Job())
