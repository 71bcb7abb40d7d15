"""Questions that many ask at the same time, answered together. Leaves answering to the function it is made with."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Round: TypeAlias = asyncio.Task[Sequence[Answer]]


class Together(Generic[Question, Answer]):
    """Answers in rounds, one after another: each takes whoever came during the last one, `at_most` so many.

    There is no timer: who asks alone is answered at once. `answer` returns the answers in the order of the questions;
    what it raises is raised to all whom that round was for, and to nobody else.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]], *, at_most: int) -> None:
        self._answer = answer
        self._at_most = at_most
        self._gathered: list[Question] = []
        self._last: Round[Answer] | None = None

    async def ask(self, question: Question) -> Answer:
        """Return the answer; a caller who is cancelled keeps nobody else from theirs."""
        if self._last is None or not self._gathered or len(self._gathered) == self._at_most:
            self._gathered = []
            self._last = self._begin(self._gathered, after=self._last)
        position, answers = len(self._gathered), self._last
        self._gathered.append(question)
        return (await asyncio.shield(answers))[position]

    def _begin(self, questions: list[Question], *, after: Round[Answer] | None) -> Round[Answer]:
        begun = asyncio.create_task(self._serve(questions, after))
        # where every caller has gone, nobody is left to be told of an error
        begun.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return begun

    async def _serve(self, questions: list[Question], after: Round[Answer] | None) -> Sequence[Answer]:
        if after and not after.done():
            await asyncio.wait([after])
        if self._gathered is questions:
            self._gathered = []
        return await self._answer(questions)
