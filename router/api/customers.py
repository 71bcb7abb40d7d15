"""Customers as agents see them: who they are, and when they wrote on which channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from router.api.access import READERS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Id
from router.domain.actor import Viewer
from router.domain.agent import Principal
from router.domain.errors import NotFound
from router.flow.see.customers import CustomerCard, CustomerCards


class CustomerPath(Model):
    """A customer's id."""

    id: Id


class ByHandle(Model):
    """An email address, a phone number in E.164, or `user:PLATFORM:ID`."""

    handle: Annotated[str, Field(min_length=1, max_length=400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerList:
    """The customer found, if any."""

    customers: Sequence[CustomerCard]


class CustomerEndpoints:
    """Shows customers; an agent sees those with a ticket in one of the agent's teams."""

    def __init__(self, reading: CustomerCards) -> None:
        self._reading = reading

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/customers",
                summary="Find a customer by handle.",
                handle=self.search,
                roles=READERS,
                answers={200: PossibleAnswer("The customer with this handle.", CustomerList)},
            ),
            Endpoint(
                method="GET",
                path="/v1/customers/{id}",
                summary="Show a customer with handles, contacts on every channel and open tickets.",
                handle=self.customer,
                roles=READERS,
                answers={200: PossibleAnswer("The customer.", CustomerCard)},
            ),
        ]

    async def search(self, who: Principal, query: ByHandle) -> Answer:
        found = await self._reading.customers_by_handle(Viewer.of(who), query.handle)
        return Answer(content=CustomerList(customers=found))

    async def customer(self, who: Principal, path: CustomerPath) -> Answer:
        card = await self._reading.customer(Viewer.of(who), path.id)
        if card is None:
            raise NotFound(f"There is no customer {path.id} with a ticket in your teams.")
        return Answer(content=card)
