"""The demonstration's agents: they ask for the next ticket, read, answer and resolve, over HTTP alone."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn

from aiohttp import ClientSession

from router.demo.api import Api, Declined
from router.domain.agent import Role
from router.postgres.work.tokens import Tokens

_LOOKS_FOR_S = 0.6
_WRITES_FOR_S = {"simple": 0.9, "complex": 1.4}
_REPLIES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Thank you for writing. I have looked into it, and it is settled now.",
        "Good question! Here is what you need: https://shop.example/help",
        "I am sorry about that. I have passed it on and will see to it myself.",
    ),
    "de": (
        "Vielen Dank für Ihre Nachricht. Ich habe nachgesehen, es ist jetzt erledigt.",
        "Das tut mir leid. Ich kümmere mich selbst darum.",
    ),
}


@dataclass(frozen=True, slots=True)
class Person:
    """An agent as the operator creates them."""

    name: str
    team: str
    skills: tuple[str, ...] = ()


STAFF = (
    Person("Amal", "frontline", ("german",)),
    Person("Bruno", "frontline"),
    Person("Chioma", "frontline"),
    Person("Dana", "frontline"),
    Person("Eero", "specialists", ("german",)),
    Person("Farah", "specialists"),
    Person("Goran", "specialists"),
    Person("Hana", "key-accounts"),
)


class Agent:
    """One agent at work."""

    def __init__(self, api: Api, random: Random) -> None:
        self._api = api
        self._random = random

    @classmethod
    async def hired(cls, person: Person, tokens: Tokens, session: ClientSession, random: Random) -> "Agent":
        """Create the person with a token of their own."""
        token = await tokens.create(
            person.name, Role.AGENT, agent_name=person.name, teams=[person.team], skills=person.skills
        )
        return cls(Api(session, token), random)

    async def work(self) -> NoReturn:
        """Pull ticket after ticket until cancelled."""
        while True:
            page = await self._api.post("/v1/me/next?wait=10")
            if page:
                with suppress(Declined):  # go on to the next ticket
                    await self._handle(page)

    async def _handle(self, page: Any) -> None:
        ticket, lease = f"/v1/tickets/{page['ticket']['id']}", page["lease"]
        await self._take_time(_LOOKS_FOR_S)
        page = await self._api.get(ticket)
        if self._is_for_specialists(page):
            note = "Please have a look, this is beyond me."
            await self._api.post(f"{ticket}/transfer", {"queue": "expert", "note": note}, lease=lease)
            return
        if self._random.random() < 0.15:
            await self._api.post(f"{ticket}/note", {"text": "Called the warehouse: it left yesterday."}, lease=lease)
        await self._take_time(_WRITES_FOR_S[page["decision"]["complexity"]])
        if not _only_thanks(page):
            reply = {"text": self._words(page), "read_up_to": page["read_up_to"]}
            await self._api.post(f"{ticket}/reply", reply, lease=lease)
        await self._api.post(f"{ticket}/resolve", {}, lease=lease)

    def _is_for_specialists(self, page: Any) -> bool:
        return page["ticket"]["team"] == "frontline" and self._random.random() < 0.06

    def _words(self, page: Any) -> str:
        return self._random.choice(_REPLIES.get(page["decision"]["language"], _REPLIES["en"]))

    async def _take_time(self, mean_s: float) -> None:
        await asyncio.sleep(self._random.uniform(0.5, 1.5) * mean_s)


def _only_thanks(page: Any) -> bool:
    """Whether the customer already has an answer and only writes to say thanks."""
    said = [entry for entry in page["transcript"] if entry["direction"] != "note"]
    return len(said) > 1 and ("hank" in said[-1]["text"] or "Dank" in said[-1]["text"])
