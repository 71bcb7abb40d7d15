"""What the moves of the model come to: waits begin, leases begin and end, tickets go where somebody wants them."""

from collections import Counter
from datetime import datetime, timedelta

from router.domain.agent import Lease, Status
from router.domain.customer import AgentId
from router.domain.ticket import TicketState
from router.flow.assign.hold import Hold
from router.policy.model import Policy, QueueMode
from tests.properties.life_ticket import OFFERED, QUEUED, RESOLVED, Person, Place, Ticket

RESERVED_FOR = timedelta(minutes=15)


class Changes:
    """Agents and tickets, and how both change. `over` are the leases that have ended."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self.policy = policy
        self.now = now
        self.people: dict[AgentId, Person] = {}
        self.tickets: list[Ticket] = []
        self.over: list[Hold] = []
        self._given = 0

    # what is the case

    def of(self, *states: TicketState) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.state in states]

    def ticket(self, ticket_id: int) -> Ticket:
        return next(ticket for ticket in self.tickets if ticket.id == ticket_id)

    def hold(self, ticket: Ticket) -> Hold:
        """The word of whoever holds the ticket."""
        assert ticket.holder is not None
        return Hold(agent=self.people[ticket.holder].who, lease=Lease(ticket.id, ticket.epoch))

    def waiting(self, mode: QueueMode) -> list[Ticket]:
        """Due first comes first."""
        tickets = (ticket for ticket in self.of(QUEUED) if ticket.queue.mode is mode)
        return sorted(tickets, key=lambda ticket: (ticket.due_at, ticket.id))

    def held(self, person: Person) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.holder == person.who.id]

    def overload(self, person: Person) -> list[str]:
        """What is wrong with what the agent carries."""
        channels = Counter(ticket.channel for ticket in self.held(person))
        capacity = self.policy.assignment.capacity
        load = sum(capacity.weights.get(channel, 1) * count for channel, count in channels.items())
        over = [
            f"{count} of {channel}" for channel, count in channels.items() if count > capacity.most.get(channel, 99)
        ]
        return over + ([f"load {load} of {person.limit}"] if load > person.limit else [])

    def has_room(self, person: Person, ticket: Ticket) -> bool:
        holder, ticket.holder = ticket.holder, person.who.id
        problems = self.overload(person)
        ticket.holder = holder
        return not problems

    def is_live(self, person: Person) -> bool:
        return person.seen_at >= self.now - self.policy.assignment.grace

    def is_present(self, person: Person) -> bool:
        return person.status is Status.AVAILABLE and self.is_live(person) and not person.is_draining

    def may_have(self, person: Person, ticket: Ticket, *, needs_skills: bool = True) -> bool:
        """Whether the ticket is for this agent, if there is room."""
        is_skilled = person.who.skills.issuperset(ticket.skills) or not needs_skills
        return ticket.queue.team in person.who.teams and is_skilled and ticket.reserved_for in {None, person.who.id}

    # what becomes of tickets

    def begin_anew(
        self, ticket: Ticket, *, reserved_for: AgentId | None = None, lasts: timedelta = timedelta(0)
    ) -> None:
        """Begin a wait that no undo of an earlier move ends."""
        ticket.places = [Place(queue=was.queue, skills=was.skills) for was in ticket.places]
        self.begin_wait(ticket, reserved_for=reserved_for, lasts=lasts)

    def begin_wait(
        self, ticket: Ticket, *, reserved_for: AgentId | None = None, lasts: timedelta = timedelta(0)
    ) -> None:
        self.release(ticket)
        ticket.enqueued_at, ticket.due_at, ticket.began_wait = self.now, self.now + ticket.route.target, True
        is_home = ticket.route.queue == ticket.queue.name
        ticket.relaxed = 0
        ticket.relax_at = self.now + ticket.route.relax[0].after if is_home and ticket.route.relax else None
        ticket.reserved_for = reserved_for if lasts else None
        ticket.reserved_until = self.now + lasts if reserved_for and lasts else None
        ticket.resolved_at = None

    def release(self, ticket: Ticket) -> None:
        self.leave(ticket)
        ticket.state = QUEUED

    def end(self, ticket: Ticket, state: TicketState) -> None:
        self.leave(ticket)
        ticket.state, ticket.reserved_for, ticket.reserved_until = state, None, None
        ticket.resolved_at, ticket.began_state = self.now if state is RESOLVED else None, True

    def leave(self, ticket: Ticket) -> None:
        if ticket.holder:
            self.over.append(self.hold(ticket))
        ticket.holder, ticket.is_seen, ticket.ends_at = None, False, None

    def give(self, ticket: Ticket, person: Person, state: TicketState) -> None:
        self.leave(ticket)
        self._given += 1
        ticket.state, ticket.holder, ticket.given = state, person.who.id, self._given
        ticket.epoch += 1
        ticket.reserved_for = ticket.reserved_until = None

    def move(self, ticket: Ticket, queue: str | None, to: Person | None) -> None:
        ticket.places.append(
            Place(
                queue=ticket.queue,
                skills=ticket.skills,
                due_at=ticket.due_at,
                enqueued_at=ticket.enqueued_at,
                relaxed=ticket.relaxed,
                relax_at=ticket.relax_at,
            )
        )
        if to:
            self._move_to_agent(ticket, to)
        else:
            assert queue
            ticket.queue = self.policy.queues[queue]
            staff = [person.who for person in self.people.values() if ticket.queue.team in person.who.teams]
            if not any(agent.skills.issuperset(ticket.skills) for agent in staff):
                ticket.skills = ()
            self.begin_wait(ticket)

    def _move_to_agent(self, ticket: Ticket, to: Person) -> None:
        if ticket.queue.team not in to.who.teams:
            ticket.queue = next(queue for queue in self.policy.queues.values() if queue.team in to.who.teams)
        if not to.who.skills.issuperset(ticket.skills):
            ticket.skills = ()
        self.begin_wait(ticket, reserved_for=to.who.id, lasts=ticket.queue.sticky_for or RESERVED_FOR)

    def withdraw_offers(self, person: Person) -> None:
        for ticket in self.held(person):
            if ticket.state is OFFERED:
                self.release(ticket)
