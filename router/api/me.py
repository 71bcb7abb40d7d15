"""What agents ask for themselves: who they are, the next ticket, and the tickets they hold."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import TicketList, leased, ticket_answer
from router.domain.actor import Viewer
from router.domain.agent import PERSONS, Person
from router.domain.ticket import TicketId
from router.flow.assign.claims import Claims
from router.flow.assign.presence import Presences
from router.flow.see.me import Me, Myself
from router.flow.see.reading import Reading


class NextQuery(Model):
    """How many seconds to wait for a ticket, and the tickets that the client already holds, as `4711,4712`."""

    have: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,17}(,[1-9][0-9]{0,17}){0,199}$")] | None = None
    wait: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0


class MeEndpoints:
    """An agent's own work."""

    def __init__(self, *, claims: Claims, reading: Reading, myself: Myself, presences: Presences) -> None:
        self._claims = claims
        self._reading = reading
        self._myself = myself
        self._presences = presences

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/me",
                summary="Show yourself: presence, capacity, what you hold, and the queues you get tickets from.",
                handle=self.me,
                roles=PERSONS,
                answers={200: PossibleAnswer("You.", Me)},
            ),
            Endpoint(
                method="POST",
                path="/v1/me/next",
                summary="Get the next ticket to answer. Safe to repeat: a ticket you have not read yet comes again.",
                handle=self.next,
                roles=PERSONS,
                ends_with_client=True,
                answers={
                    200: leased("The ticket is yours, under the lease in `ETag`."),
                    204: PossibleAnswer("No ticket came in time."),
                },
            ),
            Endpoint(
                method="GET",
                path="/v1/me/tickets",
                summary="List the tickets you hold, oldest first, each with its lease.",
                handle=self.tickets,
                roles=PERSONS,
                answers={200: PossibleAnswer("All your tickets.", TicketList)},
            ),
        ]

    async def me(self, who: Person) -> Answer:
        return Answer(content=await self._myself.me(who))

    async def next(self, who: Person, query: NextQuery) -> Answer:
        await self._myself.check_may_be_given(who.agent)
        await self._presences.asks(who.agent.id)
        if query.have:
            await self._claims.have(who.agent.id, [TicketId(int(number)) for number in query.have.split(",")])
        with self._presences.staying(who.agent.id):
            assigned = await self._claims.next(who.agent.id, timedelta(seconds=query.wait), who.token_id)
        page = await self._reading.ticket(Viewer.of(who), assigned.lease.ticket_id) if assigned else None
        # the ticket may have left the agent between the claim and the reading
        return ticket_answer(page) if page and page.lease else Answer(status=204)

    async def tickets(self, who: Person) -> Answer:
        return Answer(content=TicketList(tickets=await self._reading.held(Viewer.of(who))))
