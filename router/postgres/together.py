"""Answers questions that many callers ask at the same time in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Round: TypeAlias = asyncio.Task[Sequence[Answer]]


class Together(Generic[Question, Answer]):
    """Answers in rounds, one after another: each takes the questions that came during the last one, at most `at_most`.

    There is no timer: a single question is answered at once. `answer` returns the answers in the order of the
    questions; its errors go to all callers of that round, and to nobody else.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]], *, at_most: int) -> None:
        self._answer = answer
        self._at_most = at_most
        self._gathered: list[Question] = []
        self._last: Round[Answer] | None = None

    async def ask(self, question: Question) -> Answer:
        """Return the answer; a cancelled caller does not affect the others."""
        if self._last is None or not self._gathered or len(self._gathered) == self._at_most:
            self._gathered = []
            self._last = self._begin(self._gathered, after=self._last)
        position, answers = len(self._gathered), self._last
        self._gathered.append(question)
        return (await asyncio.shield(answers))[position]

    def _begin(self, questions: list[Question], *, after: Round[Answer] | None) -> Round[Answer]:
        begun = asyncio.create_task(self._serve(questions, after))
        # if all callers have gone, nobody is left to receive an error
        begun.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return begun

    async def _serve(self, questions: list[Question], after: Round[Answer] | None) -> Sequence[Answer]:
        if after and not after.done():
            await asyncio.wait([after])
        if self._gathered is questions:
            self._gathered = []
        return await self._answer(questions)
