"""Reading tickets: lists, and one ticket with everything about its customer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from router.api.access import READERS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.paging import Limit, Written, page_of
from router.domain.actor import Viewer
from router.domain.agent import Lease, Person, Principal
from router.domain.errors import Conflict, Invalid
from router.domain.ticket import TicketState
from router.flow.assign.hold import Hold
from router.flow.see.pages import TRANSCRIPT_SHOWN, Happening, Part, TicketPage, TicketPages, Transcript
from router.flow.see.places import Place
from router.flow.see.queues import unknown_queue
from router.flow.see.reading import Reading
from router.flow.see.tickets import Filter, TicketLine, no_ticket
from router.flow.work.desk import Desk
from router.policy.model import Policy

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class TicketPath(Model):
    """A ticket's number."""

    id: Id


def _ticket_number(given: object) -> object:
    if not str(given).isdecimal():
        raise ValueError("must be a ticket's number, such as 42, not words")
    return given


class Search(Model):
    """Which tickets; `q` is a ticket's number, `after` the `next` of the previous page."""

    customer: Id | None = None
    handle: Annotated[str, Field(min_length=1, max_length=400)] | None = None
    q: Annotated[Id, BeforeValidator(_ticket_number, json_schema_input_type=Id)] | None = None
    state: TicketState | None = None
    queue: Name | None = None
    after: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketList:
    """Tickets, newest first; `next` leads to the next page, and is null on the last one."""

    tickets: Sequence[TicketLine]
    next: int | None = None


class TranscriptQuery(Model):
    """Which page of the transcript: the entries just `before` or just `after` a place; else the last ones."""

    before: Written | None = None
    after: Written | None = None
    limit: Limit = TRANSCRIPT_SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that happened to a ticket, oldest first, with reasons."""

    events: Sequence[Happening]


class TicketEndpoints:
    """Shows tickets to agents, leads and admins."""

    def __init__(self, *, reading: Reading, desk: Desk, policy: Callable[[], Policy]) -> None:
        self._reading = reading
        self._desk = desk
        self._policy = policy

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/tickets",
                summary="Search tickets by customer, handle, number, state or queue; newest first.",
                handle=self.search,
                roles=READERS,
                answers={200: PossibleAnswer("A page of tickets.", TicketList)},
            ),
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}",
                summary="Show a ticket with its details. Once its holder has read it, `next` moves on.",
                handle=self.ticket,
                roles=READERS,
                answers={200: leased("The ticket; its holder gets the lease in `ETag`.")},
            ),
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}/transcript",
                summary="Page through everything that was said on a ticket, in the order in which it arrived.",
                handle=self.transcript,
                roles=READERS,
                answers={200: PossibleAnswer("A page of the transcript, oldest first.", Transcript)},
            ),
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}/history",
                summary="List everything that happened to a ticket, and why.",
                handle=self.history,
                roles=READERS,
                answers={200: PossibleAnswer("The history, oldest first.", History)},
            ),
        ]

    async def search(self, who: Principal, query: Search) -> Answer:
        wanted = Filter(
            customer_id=query.customer,
            handle=query.handle,
            number=query.q,
            state=query.state,
            queue=query.queue,
            before=query.after,
            limit=query.limit + 1,
        )
        shown, last = page_of(await self._reading.tickets(Viewer.of(who), wanted), query.limit)
        if query.queue and not shown:
            await self._check_queue(Viewer.of(who), query.queue)
        return Answer(content=TicketList(tickets=shown, next=last.id if last else None))

    async def _check_queue(self, viewer: Viewer, queue: str) -> None:
        """Refuse a queue that the viewer does not know. Somebody in no team finds nothing, whatever they ask."""
        theirs = {known.name for known in self._policy().queues.values() if viewer.has(known.team)}
        known = theirs | await self._reading.queues_ever(viewer)
        if known and queue not in known:
            raise unknown_queue(known)

    async def ticket(self, who: Principal, path: TicketPath) -> Answer:
        page = await self._reading.ticket(Viewer.of(who), path.id)
        if page is None:
            raise no_ticket(path.id)
        if page.lease and isinstance(who, Person):
            await self._desk.see(Hold(agent=who.agent, lease=Lease.parse(page.lease)))
        return ticket_answer(page)

    async def transcript(self, who: Principal, path: TicketPath, query: TranscriptQuery) -> Answer:
        if query.before and query.after:
            raise Invalid("after", "must not be there together with before: ask for one page at a time")
        before = Place.decode(query.before) if query.before else None
        after = Place.decode(query.after) if query.after else None
        part = Part(before=before, after=after, limit=query.limit)
        found = await self._reading.transcript(Viewer.of(who), path.id, part)
        if found is None:
            raise no_ticket(path.id)
        return Answer(content=found)

    async def history(self, who: Principal, path: TicketPath) -> Answer:
        events = await self._reading.history(Viewer.of(who), path.id)
        if not events:
            raise no_ticket(path.id)
        return Answer(content=History(events=events))


def leased(description: str) -> PossibleAnswer:
    """Describe the answer that `ticket_answer` gives."""
    return PossibleAnswer(description, TicketPage, headers=["ETag"])


def ticket_answer(page: TicketPage) -> Answer:
    """Answer with a ticket's page. If the reader holds it, `ETag` is the lease to send with every write."""
    return Answer(content=page, headers={"ETag": f'"{page.lease}"'} if page.lease else {})


async def own_ticket_answer(reading: TicketPages, who: Person, ticket_id: int) -> Answer:
    """Answer with a ticket that has just become the reader's; raises `Conflict` if they have lost it again."""
    page = await reading.ticket(Viewer.of(who), ticket_id)
    if page is None or not page.lease:
        raise Conflict(f"Ticket {ticket_id} was yours and has changed since: read it again.")
    return ticket_answer(page)
