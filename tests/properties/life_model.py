"""The life of tickets as a small model has it: what each move comes to, and who is refused. Knows no database."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from channels.message import InboundMessage
from router.domain.agent import Status
from router.domain.customer import AgentId
from router.domain.errors import Conflict, FrontdeskError, Invalid, NotFound, Refused
from router.domain.ticket import TicketState
from router.flow.assign.hold import Hold
from router.policy.model import Policy, QueueMode, RelaxStep
from tests.properties.life_changes import Changes
from tests.properties.life_ticket import (
    ABANDONED,
    ASSIGNED,
    HELD,
    MOVABLE,
    OFFERED,
    QUEUED,
    RESOLVED,
    SNOOZED,
    WRAP_UP,
    Person,
    Place,
    Ticket,
)

Problem = type[FrontdeskError] | None


class Life(Changes):
    """Everything that agents, customers, leads and time do to tickets; moves return why the product must refuse."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        super().__init__(policy, now)
        self.messages: dict[str, Ticket] = {}
        self._conversations: dict[tuple[str, ...], Ticket] = {}
        self._last_agents: dict[str, AgentId] = {}

    # customers

    def hear(self, message: InboundMessage) -> Ticket:
        """A message comes in; returns its ticket, whose `id` is 0 if it is new."""
        if message.external_id in self.messages:
            return self.messages[message.external_id]
        thread = (message.sender.key, message.channel, *message.thread.references)
        if message.channel == "email" and not message.thread.references:
            thread = (*thread, message.external_id)
        ticket = self._conversations.get(thread)
        if not message.automatic:
            ticket = self._follow_up(ticket) or self._new_ticket(message)
        assert ticket
        self.messages[message.external_id] = self._conversations[thread] = ticket
        return ticket

    def _follow_up(self, ticket: Ticket | None) -> Ticket | None:
        """The ticket that the message continues, if there is one."""
        if ticket is None or ticket.state is ABANDONED:
            return None
        if ticket.state is RESOLVED:
            assert ticket.resolved_at
            if not ticket.queue.reopen.allows(self.now - ticket.resolved_at):
                return None
            self.begin_anew(ticket, reserved_for=self._last_agents.get(ticket.customer), lasts=ticket.queue.sticky_for)
        elif ticket.state is SNOOZED:
            self.begin_anew(ticket, reserved_for=ticket.reserved_for, lasts=ticket.queue.sticky_for)
        elif ticket.state is WRAP_UP:
            ticket.state, ticket.ends_at = ASSIGNED, None
        return ticket

    def _new_ticket(self, message: InboundMessage) -> Ticket:
        routes = {route.name: route for route in self.policy.routes}
        route = routes.get(message.channel, routes["rest"])
        queue, customer = self.policy.queues[route.queue], message.sender.key
        ticket = Ticket(customer=customer, channel=message.channel, route=route, queue=queue, skills=route.skills)
        self.begin_wait(ticket, reserved_for=self._last_agents.get(customer), lasts=queue.sticky_for)
        self.tickets.append(ticket)
        return ticket

    # agents who are given work

    def next(self, person: Person) -> Ticket | Problem:
        """What the agent is given who asks: the oldest ticket that they have not seen, or else the one due first."""
        mine = [ticket for ticket in self.held(person) if ticket.state is ASSIGNED and not ticket.is_seen]
        if mine:
            return min(mine, key=lambda ticket: ticket.given)
        if person.is_draining or person.status is not Status.AVAILABLE:
            return Refused
        for ticket in self.waiting(QueueMode.PULL):
            is_mine = ticket.reserved_for == person.who.id
            if self.may_have(person, ticket, needs_skills=not is_mine) and self.has_room(person, ticket):
                self.give(ticket, person, ASSIGNED)
                return ticket
        return None

    def take(self, person: Person, ticket: Ticket) -> Problem:
        """The agent chooses a ticket."""
        if ticket.queue.team not in person.who.teams:
            return NotFound
        if ticket.state is ASSIGNED and ticket.holder == person.who.id:
            return None
        if not ticket.queue.cherry_pick:
            return Refused
        if ticket.state is not QUEUED:
            return Conflict
        is_for_me = self.may_have(person, ticket, needs_skills=ticket.reserved_for is None)
        if not (is_for_me and self.is_present(person) and self.has_room(person, ticket)):
            return Refused
        self.give(ticket, person, ASSIGNED)
        return None

    def offer(self, offered: Mapping[int, AgentId]) -> Iterator[str]:
        """The product has offered these; says what is wrong with that, and what else it should have offered."""
        waiting = self.waiting(QueueMode.PUSH)
        refused = [ticket for ticket in waiting if offered.get(ticket.id) in ticket.refused_by]
        for ticket in waiting:
            if agent_id := offered.get(ticket.id):
                person = self.people[agent_id]
                if not (self.is_present(person) and self.may_have(person, ticket)):
                    yield f"{ticket} is offered to {person}"
                self.give(ticket, person, OFFERED)
                ticket.ends_at, ticket.began_state = self.now + ticket.queue.offer.lasts, True
        for ticket in waiting:
            for person in self.people.values() if ticket.state is QUEUED or ticket in refused else ():
                is_free = self.is_present(person) and self.may_have(person, ticket) and self.has_room(person, ticket)
                if is_free and not (ticket in refused and person.who.id in ticket.refused_by):
                    yield f"{ticket} is not offered to {person}"

    def accept(self, hold: Hold) -> Problem:
        ticket, person = self.ticket(hold.lease.ticket_id), self.people[hold.agent.id]
        is_accepted = (ticket.state, ticket.holder, ticket.epoch) == (ASSIGNED, person.who.id, hold.lease.epoch + 1)
        if ticket.queue.team in person.who.teams and is_accepted:
            return None
        if problem := self._why_no_answer(hold, ticket):
            return problem
        self.give(ticket, person, ASSIGNED)
        ticket.is_seen, ticket.ends_at, person.missed = True, None, 0
        return None

    def decline(self, hold: Hold) -> Problem:
        ticket, person = self.ticket(hold.lease.ticket_id), self.people[hold.agent.id]
        if problem := self._why_no_answer(hold, ticket):
            return problem
        ticket.refusals[person.who.id], person.missed = ticket.enqueued_at, 0
        self.release(ticket)
        return None

    def _why_no_answer(self, hold: Hold, ticket: Ticket) -> Problem:
        problem = self._why_not(hold, ticket, OFFERED)
        return problem or (Conflict if ticket.ends_at and ticket.ends_at <= self.now else None)

    # agents at the desk

    def see(self, hold: Hold) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        if (ticket.holder, ticket.epoch) == (hold.agent.id, hold.lease.epoch):
            ticket.is_seen = True
        return None

    def reply(self, hold: Hold) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        return self._why_not(hold, ticket, ASSIGNED) or self.see(hold)

    def note(self, hold: Hold) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        return self._why_not(hold, ticket, ASSIGNED, WRAP_UP) or self.see(hold)

    def snooze(self, hold: Hold, until: datetime | None) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        if problem := self._why_not(hold, ticket, ASSIGNED):
            return problem
        self.leave(ticket)
        ticket.state, ticket.ends_at, ticket.reserved_for = SNOOZED, until, hold.agent.id
        return None

    def transfer(self, hold: Hold, *, queue: str | None = None, to: Person | None = None) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        if problem := self._why_not(hold, ticket, ASSIGNED):
            return problem
        self.move(ticket, queue, to)
        return None

    def resolve(self, hold: Hold) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        if problem := self._why_not(hold, ticket, ASSIGNED):
            return problem
        self._last_agents[ticket.customer] = hold.agent.id
        if ticket.queue.wrap_up:
            ticket.state, ticket.ends_at, ticket.began_state = WRAP_UP, self.now + ticket.queue.wrap_up, True
        else:
            self.end(ticket, RESOLVED)
        return None

    def finish(self, hold: Hold) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        if problem := self._why_not(hold, ticket, WRAP_UP):
            return problem
        self.end(ticket, RESOLVED)
        return None

    def abandon(self, hold: Hold) -> Problem:
        ticket = self.ticket(hold.lease.ticket_id)
        if problem := self._why_not(hold, ticket, ASSIGNED):
            return problem
        if not ticket.queue.abandon:
            return Refused
        self.end(ticket, ABANDONED)
        return None

    def merge(self, hold: Hold, into: Ticket) -> Problem:
        """Merge into another ticket of the same customer."""
        ticket = self.ticket(hold.lease.ticket_id)
        if problem := self._why_not(hold, ticket, ASSIGNED):
            return problem
        if into.queue.team not in hold.agent.teams:
            return Invalid
        if into.state not in MOVABLE:
            return Conflict
        for kept in (self.messages, self._conversations):
            kept.update({key: into for key, other in kept.items() if other is ticket})
        self.end(ticket, RESOLVED)
        if into.state is SNOOZED:
            self.begin_anew(into, reserved_for=into.reserved_for, lasts=into.queue.sticky_for)
        return None

    def _why_not(self, hold: Hold, ticket: Ticket, *states: TicketState) -> Problem:
        if ticket.queue.team not in hold.agent.teams:
            return NotFound
        is_mine = (ticket.holder, ticket.epoch) == (hold.agent.id, hold.lease.epoch)
        return None if is_mine and ticket.state in states else Conflict

    # agents' presence, and leads

    def declare(self, person: Person, status: Status) -> None:
        person.status, person.missed = status, 0
        if status is not Status.AVAILABLE:
            self.withdraw_offers(person)

    def drain(self, person: Person, *, is_draining: bool) -> None:
        person.is_draining = is_draining
        if is_draining:
            self.withdraw_offers(person)

    def requeue(self, person: Person) -> None:
        for ticket in self.held(person):
            if ticket.state is not WRAP_UP:
                self.release(ticket)

    def reassign(self, ticket: Ticket, *, queue: str | None = None, to: Person | None = None) -> Problem:
        if ticket.state not in MOVABLE:
            return Conflict
        self.move(ticket, queue, to)
        return None

    def undo(self, ticket: Ticket) -> Problem:
        if ticket.state not in MOVABLE or not ticket.places:
            return Conflict
        was = ticket.places.pop()
        self.release(ticket)
        ticket.queue, ticket.skills, ticket.relax_at = was.queue, was.skills, was.relax_at
        ticket.enqueued_at, ticket.due_at = was.enqueued_at or ticket.enqueued_at, was.due_at or ticket.due_at
        ticket.relaxed = ticket.relaxed if was.relaxed is None else was.relaxed
        ticket.reserved_for = ticket.reserved_until = None
        return None

    def close(self, queue: str) -> int:
        closed = [ticket for ticket in self.of(QUEUED) if ticket.queue.name == queue]
        for ticket in closed:
            self.end(ticket, RESOLVED)
        return len(closed)

    # time

    def timers(self) -> Mapping[str, Callable[[], None]]:
        """The timers for which there is anything to look at, by name."""
        looks = {
            "offer_expiry": (self.expire_offers, self.of(OFFERED)),
            "lost_agents": (self.release_lost, self.of(*HELD)),
            "reservations": (self.end_reservations, [ticket for ticket in self.of(QUEUED) if ticket.reserved_for]),
            "wrap_ups": (self.end_wrap_ups, self.of(WRAP_UP)),
            "snoozes": (self.wake, self.of(SNOOZED)),
            "relaxation": (self.relax, [ticket for ticket in self.of(QUEUED) if ticket.relax_at]),
        }
        return {name: look for name, (look, tickets) in looks.items() if tickets}

    def expire_offers(self) -> None:
        agents: Counter[AgentId] = Counter()
        for ticket in self._over(OFFERED):
            assert ticket.holder
            ticket.refusals[ticket.holder] = ticket.enqueued_at
            agents[ticket.holder] += 1
            self.release(ticket)
        for agent_id, missed in agents.items():
            person = self.people[agent_id]
            person.missed += missed
            if person.status is Status.AVAILABLE and person.missed >= self.policy.assignment.away_after_missed:
                self.declare(person, Status.AWAY)

    def release_lost(self) -> None:
        for person in self.people.values():
            for ticket in self.held(person) if not self.is_live(person) else ():
                if ticket.state is WRAP_UP:
                    self.end(ticket, RESOLVED)
                else:
                    self.release(ticket)

    def end_reservations(self) -> None:
        for ticket in self.of(QUEUED):
            if ticket.reserved_for is None:
                continue
            assert ticket.reserved_until
            if ticket.reserved_until <= self.now or not self.is_present(self.people[ticket.reserved_for]):
                ticket.reserved_for = ticket.reserved_until = None

    def end_wrap_ups(self) -> None:
        for ticket in self._over(WRAP_UP):
            self.end(ticket, RESOLVED)

    def wake(self) -> None:
        for ticket in self._over(SNOOZED):
            self.begin_anew(ticket, reserved_for=ticket.reserved_for, lasts=ticket.queue.sticky_for)

    def relax(self) -> None:
        for ticket in self.of(QUEUED):
            if ticket.relax_at and ticket.relax_at <= self.now:
                place = Place(queue=ticket.queue, skills=ticket.skills, due_at=ticket.due_at)
                steps = self._steps(ticket)
                for step in steps:
                    self._take(ticket, step)
                if steps:
                    ticket.places.append(place)
                left = ticket.route.relax[ticket.relaxed :]
                ticket.relax_at = ticket.enqueued_at + left[0].after if left else None

    def _steps(self, ticket: Ticket) -> Sequence[RelaxStep]:
        left = ticket.route.relax[ticket.relaxed :]
        return [step for step in left if ticket.enqueued_at + step.after <= self.now]

    def _take(self, ticket: Ticket, step: RelaxStep) -> None:
        ticket.relaxed += 1
        ticket.skills = step.keep(ticket.skills)
        if step.target:
            ticket.due_at = min(ticket.due_at, ticket.enqueued_at + step.after + step.target)
        if step.queue and step.queue != ticket.queue.name:
            to, team = self.policy.queues[step.queue], ticket.queue.team
            if to.team in {team, *self.policy.teams[team].overflow_to}:
                ticket.queue, ticket.reserved_for, ticket.reserved_until = to, None, None

    def _over(self, state: TicketState) -> Collection[Ticket]:
        return [ticket for ticket in self.of(state) if ticket.ends_at and ticket.ends_at <= self.now]
