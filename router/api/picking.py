"""Cherry-picking: where the policy allows it, agents see what waits in a queue and choose a ticket."""

from collections.abc import Sequence
from dataclasses import dataclass

from router.api.access import READERS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.lead import QueuePath
from router.api.paging import Limit, Written, page_of
from router.api.tickets import TicketPath, leased, own_ticket_answer
from router.domain.actor import Viewer
from router.domain.agent import PERSONS, Person, Principal
from router.domain.ticket import TicketId
from router.flow.assign.picking import After, Picking
from router.flow.see.pages import TicketPages
from router.flow.see.places import Place
from router.flow.see.tickets import TicketLine


class WaitingQuery(Model):
    """Which page; `after` is the `next` of the previous page."""

    after: Written | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingList:
    """Waiting tickets, earliest due first; `next` leads to the next page, and is null on the last one."""

    tickets: Sequence[TicketLine]
    next: str | None = None


class PickingEndpoints:
    """Lists what waits, and takes a ticket of the agent's choice."""

    def __init__(self, picking: Picking, reading: TicketPages) -> None:
        self._picking = picking
        self._reading = reading

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/queues/{queue}/tickets",
                summary="List the tickets that wait in a queue where agents may choose, earliest due first.",
                handle=self.waiting,
                roles=READERS,
                answers={200: PossibleAnswer("A page of tickets.", WaitingList)},
            ),
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/take",
                summary="Take a waiting ticket of your choice, if its queue lets agents choose. Safe to repeat.",
                handle=self.take,
                roles=PERSONS,
                answers={200: leased("The ticket is yours, under the lease in `ETag`.")},
            ),
        ]

    async def waiting(self, who: Principal, path: QueuePath, query: WaitingQuery) -> Answer:
        after = _after(Place.decode(query.after)) if query.after else None
        found = await self._picking.waiting(Viewer.of(who), path.queue, after=after, limit=query.limit + 1)
        shown, last = page_of(found, query.limit)
        return Answer(content=WaitingList(tickets=shown, next=Place(last.due_at, last.id).encode() if last else None))

    async def take(self, who: Person, path: TicketPath) -> Answer:
        lease = await self._picking.take(who.agent, TicketId(path.id))
        return await own_ticket_answer(self._reading, who, lease.ticket_id)


def _after(place: Place) -> After:
    return After(due_at=place.at, ticket_id=TicketId(place.id))
