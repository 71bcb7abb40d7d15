"""Held messages: what was set aside without a ticket, for leads and admins to look through and to release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from channels.message import Automatic
from router.api.access import LEADS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.paging import Limit, page_of
from router.api.tickets import Id
from router.domain.actor import Actor
from router.domain.agent import Principal
from router.flow.intake.held import Freed, Held, HeldMessage, HeldSearch


class HeldQuery(Model):
    """Which held messages to list: those for one reason, and with a lower id than `after`."""

    reason: Automatic | None = None
    after: Id | None = None
    limit: Limit = 50


class HeldPath(Model):
    """The id of a held message."""

    id: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """Held messages, newest first; `next` is the `after` of the next page, `counts` how many there are by reason."""

    messages: Sequence[HeldMessage]
    counts: Mapping[str, int]
    next: int | None


class HeldEndpoints:
    """Lists, shows and releases held messages. They belong to no team, so every lead sees them."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/held",
                summary="List messages that were set aside without a ticket, newest first, and how many there are.",
                handle=self.list,
                roles=LEADS,
                answers={200: PossibleAnswer("A page of held messages.", HeldPage)},
            ),
            Endpoint(
                method="GET",
                path="/v1/held/{id}",
                summary="Show a held message.",
                handle=self.show,
                roles=LEADS,
                answers={200: PossibleAnswer("The message.", HeldMessage)},
            ),
            Endpoint(
                method="POST",
                path="/v1/held/{id}/release",
                summary="Take a held message in as a person's. Once more changes nothing.",
                handle=self.release,
                roles=LEADS,
                answers={
                    200: PossibleAnswer("The message's ticket.", Freed),
                    409: PossibleAnswer.problem("The bytes of the message are no longer kept."),
                },
            ),
        ]

    async def list(self, query: HeldQuery) -> Answer:
        found = await self._held.newest(HeldSearch(limit=query.limit + 1, before=query.after, reason=query.reason))
        shown, last = page_of(found, query.limit)
        counts = await self._held.counts()
        return Answer(content=HeldPage(messages=shown, counts=counts, next=last.id if last else None))

    async def show(self, path: HeldPath) -> Answer:
        return Answer(content=await self._held.show(path.id))

    async def release(self, who: Principal, path: HeldPath) -> Answer:
        return Answer(content=await self._held.release(Actor.of(who), path.id))
