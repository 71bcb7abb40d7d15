"""The demonstration's customers: they write in waves, cause every special case and answer replies."""

import asyncio
import json
from collections.abc import Sequence
from itertools import cycle
from random import Random
from typing import Any, NoReturn

from router.demo import payloads
from router.demo.cases import special_cases
from router.demo.samples import Crowd, Person, shuffled
from router.flow.run.bus import Delivery, Publication, Publisher

_WAVE_THEN_CALM_S = (*[0.08] * 20, *[1.1] * 6)
"""Pauses between two customers who write: the queues fill up, then drain."""

_CASE_PAUSE_S = 0.3
_LEAVE, _PATIENCE_S = 0.25, 0.8
"""The share of chats that are left, and after how long."""
_CASES_EVERY_S = 25.0
_ANSWER_AFTER_S = 1.2
_THANKS = ("Thank you so much, that solved it.", "Great, works now. Thanks a lot!", "Vielen Dank, hat geklappt!")
_QUESTIONS = ("One more thing: can I get that in writing?", "And how long will that take?", "Sorry, could you explain?")


class Customers:
    """Publishes as integrations would. `published` is a count; `switcher` is the last person to change channels."""

    def __init__(self, publisher: Publisher, random: Random) -> None:
        self._publisher = publisher
        self._random = random
        self._crowd = Crowd(random)
        self._samples = shuffled(random)
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.published = 0
        self.switcher: Person | None = None

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._come_in_waves(tasks))
            tasks.create_task(self._get_into_cases())
            while True:
                tasks.create_task(self._read(await self._replies.get()))

    async def receive(self, replies: Sequence[Delivery]) -> None:
        """Take the agents' replies, as the channels' senders would."""
        for reply in replies:
            self._replies.put_nowait(json.loads(reply.body))

    async def _come_in_waves(self, tasks: asyncio.TaskGroup) -> NoReturn:
        for pause_s in cycle(_WAVE_THEN_CALM_S):
            sample = next(self._samples)
            person = self._crowd.person(sample.language)
            await self._publish(payloads.payload(person, sample))
            if sample.format == "chat.webchat" and self._random.random() < _LEAVE:
                tasks.create_task(self._leave(person))
            await self._pause(pause_s)
        raise AssertionError("a cycle has no end")

    async def _get_into_cases(self) -> NoReturn:
        while True:
            self.switcher = self._crowd.person()
            for publication in special_cases(self._crowd, self.switcher, self._random):
                await self._publish(publication)
                await self._pause(_CASE_PAUSE_S)
            await asyncio.sleep(_CASES_EVERY_S)

    async def _leave(self, person: Person) -> None:
        """Close the chat after a short wait, answered or not."""
        await self._pause(_PATIENCE_S)
        await self._publish(payloads.left(person.user_id, payloads.session_of(person)))

    async def _read(self, reply: dict[str, Any]) -> None:
        """Wait, then answer a reply with thanks, another question, an out-of-office note, a bounce or nothing."""
        await self._pause(_ANSWER_AFTER_S)
        is_mail, luck = reply["channel"] == "email", self._random.random()
        if luck < 0.08:
            await self._publish(_answer(reply, self._random.choice(_THANKS)))
        elif luck < 0.16:
            await self._publish(_answer(reply, self._random.choice(_QUESTIONS)))
        elif luck < 0.26 and is_mail:
            await self._publish(_answer(reply, "I am away until Monday.", Auto_Submitted="auto-replied"))
        elif luck < 0.32 and is_mail:
            await self._publish(payloads.bounce(reply["token_id"]))

    async def _publish(self, publication: Publication) -> None:
        self.published += 1
        publishing = asyncio.create_task(self._publisher.publish(publication))
        try:
            await asyncio.shield(publishing)
        finally:
            await publishing  # finish even when the demonstration ends, so that the totals add up

    async def _pause(self, mean_s: float) -> None:
        await asyncio.sleep(self._random.uniform(0.5, 1.5) * mean_s)


def _answer(reply: dict[str, Any], text: str, **headers: str) -> Publication:
    """Return what the customer writes back, on the channel of the reply."""
    to = reply["to"]["value"]
    match reply["provider"]:
        case "email":
            author = Person(name=reply["to"]["name"] or "", email=to, phone="", user_id="")
            return payloads.mail(author, reply["subject"] or "", text, In_Reply_To=f"<{reply['token_id']}>", **headers)
        case "twilio":
            return payloads.sms(to, text)
        case "whatsapp":
            return payloads.whatsapp(to, text)
        case "webchat":
            return payloads.chat(to, reply["thread_key"], text)
        case _:
            return payloads.canonical(to, text)
