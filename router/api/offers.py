"""Answers to offers: an agent accepts a ticket of a push queue or declines it. `If-Match` is the lease of the offer."""

from router.api.desk import hold_of
from router.api.endpoint import Answer, Endpoint, PossibleAnswer
from router.api.tickets import TicketPath, leased, own_ticket_answer
from router.domain.agent import PERSONS, Lease, Person
from router.flow.assign.offers import Offers
from router.flow.see.pages import TicketPages


class OfferEndpoints:
    """Accept and decline."""

    def __init__(self, offers: Offers, reading: TicketPages) -> None:
        self._offers = offers
        self._reading = reading

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/accept",
                summary="Accept a ticket that is offered to you. Safe to repeat.",
                handle=self.accept,
                roles=PERSONS,
                answers={200: leased("It is yours, under the new lease in `ETag`.")},
            ),
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/decline",
                summary="Decline a ticket that is offered to you: it waits on in its place.",
                handle=self.decline,
                roles=PERSONS,
                answers={204: PossibleAnswer("It is no longer offered to you.")},
            ),
        ]

    async def accept(self, who: Person, path: TicketPath, lease: Lease) -> Answer:
        await self._offers.accept(hold_of(who, path, lease))
        return await own_ticket_answer(self._reading, who, path.id)

    async def decline(self, who: Person, path: TicketPath, lease: Lease) -> Answer:
        await self._offers.decline(hold_of(who, path, lease))
        return Answer(status=204)
