"""The demonstration's agents: they ask for tickets, answer offers, read, reply and resolve, over HTTP alone."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any, NoReturn

from router.demo.api import Api, Refused
from router.demo.staff import Person, other_queues
from router.domain.agent import Role
from router.policy.model import Policy
from router.postgres.work.tokens import Tokens

_LOOKS_FOR_S = 0.6
_WRITES_FOR_S = {"simple": 0.9, "complex": 1.4}
_NOTICES_AFTER_S = 0.5
_BREAK_S = 3.0
_TRIES_AGAIN_AFTER_S = 1.0
_REPLIES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Thank you for writing. I have looked into it, and it is settled now.",
        "Good question! Here is what you need: https://shop.example/help",
        "I am sorry about that. I have passed it on and will see to it myself.",
        "All done. You will find the details in your account from this evening on.",
    ),
    "de": (
        "Vielen Dank für Ihre Nachricht. Ich habe nachgesehen, es ist jetzt erledigt.",
        "Das tut mir leid. Ich kümmere mich selbst darum.",
    ),
}
_NOTES = ("Called the warehouse: it left yesterday.", "Checked the invoice: the amount is right.", "Second try.")
_HANDED_ON = ("Please have a look, this is beyond me.", "This needs somebody who may decide it.", "Yours, I believe.")


class Agent:
    """One agent at work, on one ticket at a time. They survive every refusal and go on with the next ticket."""

    def __init__(self, api: Api, random: Random, policy: Policy) -> None:
        self._api = api
        self._random = random
        self._policy = policy
        self._hands = asyncio.Lock()
        self._accepted: asyncio.Queue[Any] = asyncio.Queue()

    async def work(self) -> NoReturn:
        """Work until cancelled: pull from pull queues, and take what push queues offer."""
        await self._become_available()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._take_turns())
            while True:
                await self._pull()

    async def _become_available(self) -> None:
        with suppress(Refused):
            await self._api.put("/v1/me/presence", {"status": "available"})

    async def _pull(self) -> None:
        async with self._hands:
            pass  # nobody asks for more while they write
        try:
            page = await self._api.post("/v1/me/next?wait=10")
        except Refused:
            await asyncio.sleep(_TRIES_AGAIN_AFTER_S)
            return
        if page:
            await self._work_on(page)

    async def _take_turns(self) -> NoReturn:
        while True:
            await self._work_on(await self._accepted.get())

    async def _work_on(self, page: Any) -> None:
        async with self._hands:
            with suppress(Refused):  # go on to the next ticket
                await self._handle(page)

    async def _listen(self) -> NoReturn:
        """Answer offers as the stream tells of them; listen again if it ends."""
        while True:
            async with asyncio.TaskGroup() as answers:
                with suppress(Refused):  # inside the group, which would wrap it
                    async for kind, data in self._api.stream("/v1/me/stream"):
                        for offer in _offers_in(kind, data):
                            answers.create_task(self._answer(offer))
                        if kind == "presence" and data["status"] == "away":
                            answers.create_task(self._come_back())
            await asyncio.sleep(_TRIES_AGAIN_AFTER_S)

    async def _answer(self, offer: Any) -> None:
        """Accept, or sometimes decline; now and then not even look."""
        await self._take_time(_NOTICES_AFTER_S)
        luck, path = self._random.random(), f"/v1/tickets/{offer['id']}"
        with suppress(Refused):
            if luck < 0.86:
                self._accepted.put_nowait(await self._api.post(f"{path}/accept", lease=offer["lease"]))
            elif luck < 0.97:
                await self._api.post(f"{path}/decline", lease=offer["lease"])

    async def _come_back(self) -> None:
        """Return after missing offers."""
        await self._take_time(_BREAK_S)
        await self._become_available()

    async def _handle(self, page: Any) -> None:
        ticket, lease = f"/v1/tickets/{page['ticket']['id']}", page["lease"]
        await self._take_time(_LOOKS_FOR_S)
        page = await self._api.get(ticket)
        if queue := self._better_queue(page):
            note = self._random.choice(_HANDED_ON)
            await self._api.post(f"{ticket}/transfer", {"queue": queue, "note": note}, lease=lease)
            return
        if self._random.random() < 0.15:
            await self._api.post(f"{ticket}/note", {"text": self._random.choice(_NOTES)}, lease=lease)
        await self._take_time(_WRITES_FOR_S[page["decision"]["complexity"]])
        if not _only_thanks(page):
            reply = {"text": self._words(page), "read_up_to": page["read_up_to"]}
            await self._api.post(f"{ticket}/reply", reply, lease=lease)
        await self._api.post(f"{ticket}/resolve", {}, lease=lease)

    def _better_queue(self, page: Any) -> str | None:
        """Return another team's queue for a few of the tickets."""
        queues = other_queues(page["ticket"]["team"], page["decision"]["complexity"], self._policy)
        return self._random.choice(queues) if queues and self._random.random() < 0.05 else None

    def _words(self, page: Any) -> str:
        return self._random.choice(_REPLIES.get(page["decision"]["language"], _REPLIES["en"]))

    async def _take_time(self, mean_s: float) -> None:
        await asyncio.sleep(self._random.uniform(0.5, 1.5) * mean_s)


async def token_of(person: Person, tokens: Tokens) -> str:
    """Create the person and return the secret of their token."""
    return await tokens.create(
        person.name, Role.AGENT, agent_name=person.name, teams=person.teams, skills=person.skills
    )


def _offers_in(kind: str, data: Any) -> list[Any]:
    match kind:
        case "offer":
            return [data]
        case "snapshot":
            offers: list[Any] = data["offers"]
            return offers
        case _:
            return []


def _only_thanks(page: Any) -> bool:
    """Whether the customer already has an answer and only writes to say thanks."""
    said = [entry for entry in page["transcript"] if entry["direction"] != "note"]
    return len(said) > 1 and ("hank" in said[-1]["text"] or "Dank" in said[-1]["text"])
