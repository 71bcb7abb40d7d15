"""An agent's claim that they hold a ticket, and the checks of it."""

from collections.abc import Collection
from dataclasses import dataclass

from router.domain.actor import Actor
from router.domain.agent import Agent, Lease, Role
from router.domain.errors import Conflict
from router.domain.ticket import TicketNow, TicketState
from router.flow.see.tickets import no_ticket

ASSIGNED = frozenset({TicketState.ASSIGNED})
WRAPPING_UP = frozenset({TicketState.WRAP_UP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An agent's claim that they hold a ticket, under the lease that `next` gave them."""

    agent: Agent
    lease: Lease

    @property
    def actor(self) -> Actor:
        """Return the agent as the ticket's history names them."""
        return Actor(role=Role.AGENT, agent=self.agent)


def checked(hold: Hold, ticket: TicketNow | None, *, in_states: Collection[TicketState] = ASSIGNED) -> TicketNow:
    """Return the ticket if the agent holds it; raises `NotFound` if there is none, `Conflict` if the lease is over."""
    if ticket is None:
        raise no_ticket(hold.lease.ticket_id)
    if ticket.assigned_to != hold.agent.id:
        raise Conflict(f"You do not hold ticket {ticket.id} (it is {ticket.state}): ask for the next one.")
    if ticket.epoch != hold.lease.epoch:
        raise Conflict("The lease is from an earlier assignment of this ticket: read the ticket again for the new one.")
    if ticket.state not in in_states:
        needed = " or ".join(sorted(in_states))
        raise Conflict(f"Ticket {ticket.id} is {ticket.state}: this works only while it is {needed}.")
    return ticket


def check_read(ticket: TicketNow, read_up_to: int | None) -> None:
    """Raise `Conflict` if the customer has written after `read_up_to`; None skips the check."""
    if read_up_to is not None and read_up_to < ticket.read_up_to:
        raise Conflict("The customer has written since you read the ticket: read it again.")
