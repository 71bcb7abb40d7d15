"""How agents answer offers from push queues. `If-Match` carries the lease of the offer."""

from router.api.desk import hold_of
from router.api.endpoint import Answer, Endpoint, PossibleAnswer
from router.api.tickets import TicketPath, leased, own_ticket_answer
from router.domain.agent import PERSONS, Lease, Person
from router.flow.assign.offers import Offers
from router.flow.see.pages import TicketPages


class OfferEndpoints:
    """Accepts and declines offers."""

    def __init__(self, offers: Offers, reading: TicketPages) -> None:
        self._offers = offers
        self._reading = reading

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/accept",
                summary="Accept a ticket offered to you. Safe to repeat.",
                handle=self.accept,
                roles=PERSONS,
                answers={200: leased("The ticket is yours, under the new lease in `ETag`.")},
            ),
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/decline",
                summary="Decline a ticket offered to you. It keeps its place in the queue.",
                handle=self.decline,
                roles=PERSONS,
                answers={204: PossibleAnswer("The offer is over.")},
            ),
        ]

    async def accept(self, who: Person, path: TicketPath, lease: Lease) -> Answer:
        await self._offers.accept(hold_of(who, path, lease))
        return await own_ticket_answer(self._reading, who, path.id)

    async def decline(self, who: Person, path: TicketPath, lease: Lease) -> Answer:
        await self._offers.decline(hold_of(who, path, lease))
        return Answer(status=204)
