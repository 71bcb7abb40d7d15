"""Questions asked at the same time are answered together, and nobody's trouble is anybody else's."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from router.domain.errors import StoreUnavailable
from router.postgres.together import Together

DEADLINE_S = 5


class Doubling:
    """Doubles numbers, once it may; the first rounds fail with `errors`. Notes the rounds that it was asked for."""

    def __init__(self, *errors: Exception) -> None:
        self.rounds: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self._errors = list(errors)
        self._begun = asyncio.Semaphore(0)

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.rounds.append(list(numbers))
        self._begun.release()
        await self.may_answer.wait()
        if self._errors:
            raise self._errors.pop(0)
        return [2 * number for number in numbers]

    async def begun(self) -> None:
        """Return once one more round has begun."""
        async with asyncio.timeout(DEADLINE_S):
            await self._begun.acquire()


def together(doubling: Doubling, *, at_most: int = 10) -> Together[int, int]:
    return Together(doubling, at_most=at_most)


async def asked(numbers: Together[int, int], *questions: int) -> list[asyncio.Task[int]]:
    """Ask each as somebody of their own, and return once all have asked."""
    asking = [asyncio.create_task(numbers.ask(question)) for question in questions]
    await asyncio.sleep(0)
    return asking


async def answers(*asking: asyncio.Task[int]) -> list[int | BaseException]:
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.gather(*asking, return_exceptions=True)


async def test_who_asks_while_nobody_does_is_answered_without_waiting_for_others():
    doubling = Doubling()
    doubling.may_answer.set()
    numbers = together(doubling)
    assert [await numbers.ask(1), await numbers.ask(2)] == [2, 4]
    assert doubling.rounds == [[1], [2]]


async def test_all_who_ask_during_a_round_share_the_next_and_get_an_answer_each():
    doubling = Doubling()
    numbers = together(doubling)
    first = await asked(numbers, 1)
    await doubling.begun()
    others = await asked(numbers, 2, 3, 2)
    assert doubling.rounds == [[1]], "one round at a time"
    doubling.may_answer.set()
    assert await answers(*first, *others) == [2, 4, 6, 4]
    assert doubling.rounds == [[1], [2, 3, 2]]


async def test_a_round_takes_no_more_than_its_share_and_the_rest_come_next_in_order():
    doubling = Doubling()
    numbers = together(doubling, at_most=2)
    first = await asked(numbers, 1)
    await doubling.begun()
    others = await asked(numbers, 2, 3, 4, 5, 6)
    doubling.may_answer.set()
    assert await answers(*first, *others) == [2, 4, 6, 8, 10, 12]
    assert doubling.rounds == [[1], [2, 3], [4, 5], [6]]


async def test_an_error_is_told_to_all_whom_the_round_was_for_and_to_nobody_else():
    down = StoreUnavailable("the database does not answer")
    doubling = Doubling(down)
    numbers = together(doubling)
    failing = await asked(numbers, 1, 2)
    await doubling.begun()
    later = await asked(numbers, 3)
    doubling.may_answer.set()
    assert await answers(*failing, *later) == [down, down, 6]


async def test_who_goes_away_keeps_nobody_from_their_answer():
    doubling = Doubling()
    numbers = together(doubling)
    gone, stays = await asked(numbers, 1, 2)
    await doubling.begun()
    gone_before_their_round, comes_next = await asked(numbers, 3, 4)
    gone.cancel()
    gone_before_their_round.cancel()
    doubling.may_answer.set()
    assert await answers(stays, comes_next) == [4, 8]
    assert gone.cancelled()
    assert gone_before_their_round.cancelled()


async def test_an_error_that_nobody_is_left_to_be_told_of_troubles_nobody(caplog: pytest.LogCaptureFixture):
    doubling = Doubling(StoreUnavailable("the database does not answer"))
    numbers = together(doubling)
    [gone] = await asked(numbers, 1)
    await doubling.begun()
    gone.cancel()
    doubling.may_answer.set()
    assert await numbers.ask(2) == 4
    del gone, numbers
    gc.collect()  # which is when asyncio complains of errors that nobody has asked for
    assert caplog.records == []
