"""A virtual clock that runs a contact center with the router's own decisions, event by event and without waiting.

`claim`, `dispatch`, `wait` and `Capacity` make all decisions; this module only keeps tickets in line until then.
Handle times apply even when an agent works on several tickets at once; after their shift, agents finish what they hold.

**The bound of due first.** An agent gets the ticket that is due first among those that wait in queues of that mode
(pull or push) and that this agent could get: they have the skills and the room. No ticket is due sooner after its
arrival than the shortest target T (for a relax step, `after` plus `target`). So a ticket that arrives after `due_at -
T` does not overtake one that the same agents can take: the line ahead of it is closed T before it is due, and only
gets shorter from then on. If n equal agents hold one ticket each, it waits at most (R + D) / n: R is the work left in
hand when it arrived, D all work that is due before it. First-come-first-served closes the line when the ticket
arrives, however urgent later tickets are; strict priority never closes it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from operator import itemgetter
from random import Random

from bench.simulation.center import SHIFT, Arrival, Center
from bench.simulation.lines import Answerer, Group, Order, Ticket
from router.decide import claim, dispatch
from router.decide.wait import begin, relax
from router.domain.customer import AgentId
from router.domain.ticket import TicketId
from router.domain.wait import Requirement, Wait
from router.policy.model import QueueMode

MISSED = 0.04
"""The share of offers that nobody answers."""
ACCEPTED_AFTER_S = 2, 10

DUE_FIRST, FIRST_COME, STRICT_PRIORITY = "due first", "first come", "strict priority"
ORDERS: dict[str, Order] = {
    DUE_FIRST: lambda ticket: (ticket.due_at,),
    FIRST_COME: lambda ticket: (ticket.enqueued_at,),
    STRICT_PRIORITY: lambda ticket: (ticket.due_at - ticket.enqueued_at, ticket.enqueued_at),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A wait that ended with `agent_id`; `wait` is as it was when the ticket was handed out."""

    id: TicketId
    arrival: Arrival
    wait: Wait
    agent_id: AgentId
    given_at: datetime
    answered_at: datetime

    @property
    def waited(self) -> timedelta:
        return self.answered_at - self.arrival.at

    @property
    def is_in_time(self) -> bool:
        return self.answered_at <= self.arrival.at + self.arrival.routing.target


def simulate(center: Center, arrivals: Iterable[Arrival], order: Order, random: Random) -> Sequence[Answered]:
    """Let the center answer everything that arrives; return the answers in order of time."""
    clock = _Clock(center, iter(arrivals), order, random)
    clock.run()
    return clock.answered


class _Clock:
    """The future events. After each one, no ticket waits that a free agent could take."""

    def __init__(self, center: Center, arrivals: Iterator[Arrival], order: Order, random: Random) -> None:
        self.answered: list[Answered] = []
        self._policy = center.policy
        self._arrivals = arrivals
        self._order = order
        self._random = random
        self._agents = {
            AgentId(number): Answerer(AgentId(number), member, center.policy)
            for number, member in enumerate(center.staff, start=1)
        }
        self._free: dict[AgentId, Answerer] = {}
        self._groups: dict[Requirement, Group] = {}
        self._tickets: dict[TicketId, Ticket] = {}
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count(1)

    def run(self) -> None:
        """Go from event to event until every ticket is answered."""
        for agent in self._agents.values():
            self._await_shift(agent)
        self._await_arrival()
        while self._tickets:
            self.now, _, happen = heappop(self._events)
            happen()

    def _at(self, when: datetime, happen: Callable[[], None]) -> None:
        heappush(self._events, (when, next(self._numbers), happen))

    def _await_arrival(self) -> None:
        """Expect the next ticket, if there is one; it counts as open from now on, so that the clock keeps running."""
        if arrival := next(self._arrivals, None):
            ticket = self._ticket(arrival)
            self._tickets[ticket.id] = ticket
            self._at(arrival.at, partial(self._arrive, ticket))

    def _arrive(self, ticket: Ticket) -> None:
        self._await_arrival()
        self._queue(ticket)

    def _queue(self, ticket: Ticket) -> None:
        """Put the ticket in line where it belongs now, at the place that its times give it."""
        route = ticket.arrival.routing.route
        ticket.wait = relax(ticket.wait, route=route, policy=self._policy, now=self.now)
        if ticket.wait.relax_at:
            self._at(ticket.wait.relax_at, partial(self._relax, ticket))
        group = self._group(ticket.wait.requirement)
        group.add(ticket, self._order)
        self._serve([agent for agent in self._free.values() if group.number in agent.groups], [group])

    def _relax(self, ticket: Ticket) -> None:
        if ticket.entry:
            self._queue(ticket)

    def _await_shift(self, agent: Answerer) -> None:
        self._at(next(agent.shifts), partial(self._come, agent))

    def _come(self, agent: Answerer) -> None:
        agent.ends_at = self.now + SHIFT
        self._at(agent.ends_at, partial(self._leave, agent))
        self._ask(agent)

    def _leave(self, agent: Answerer) -> None:
        self._free.pop(agent.id, None)
        self._await_shift(agent)

    def _ask(self, agent: Answerer) -> None:
        """Give an agent who may have room what fits."""
        if self.now < agent.ends_at and not agent.asking.is_full:
            self._free[agent.id] = agent
            self._serve([agent], list(agent.groups.values()))

    def _serve(self, agents: Sequence[Answerer], groups: Sequence[Group]) -> None:
        """Give the first tickets of these groups to these agents until nothing fits any more."""
        while agents and (self._pull(agents, groups) or self._push(agents, groups)):
            agents = [agent for agent in agents if not agent.asking.is_full]

    def _pull(self, agents: Sequence[Answerer], groups: Sequence[Group]) -> int:
        """Hand out tickets that agents ask for; return how many."""
        heads = [(group.number, None, group.asked.channel, ticket.id) for group, ticket in _fronts(groups, push=False)]
        matches = claim.assign([agent.asking for agent in agents], heads) if heads else []
        for match in matches:
            agent, ticket = self._agents[match.agent_id], self._tickets[match.ticket_id]
            self._hold(agent, ticket)
            self._answer(agent, ticket, given_at=self.now)
        return len(matches)

    def _push(self, agents: Sequence[Answerer], groups: Sequence[Group]) -> int:
        """Offer tickets to agents; return how many."""
        fronts = _fronts(groups, push=True)
        if not fronts:
            return 0
        offers = dispatch.dispatch(
            [agent.candidate(self.now) for agent in agents],
            [_waiting(group, ticket) for group, ticket in fronts],
            {group.asked.queue: group.rule for group, _ in fronts if group.rule},
            dispatch.Moment(now=self.now, grace=self._policy.assignment.grace),
        )
        for made in offers:
            self._offer(self._agents[made.agent_id], self._tickets[made.waiting.ticket_id], made.rule.lasts)
        return len(offers)

    def _offer(self, agent: Answerer, ticket: Ticket, lasts: timedelta) -> None:
        self._hold(agent, ticket)
        if self._random.random() < MISSED:
            self._at(self.now + lasts, partial(self._expire, agent, ticket))
        else:
            seconds = self._random.uniform(*ACCEPTED_AFTER_S)
            self._at(self.now + timedelta(seconds=seconds), partial(self._answer, agent, ticket, given_at=self.now))

    def _expire(self, agent: Answerer, ticket: Ticket) -> None:
        ticket.refused_by |= {agent.id}
        self._queue(ticket)
        self._release(agent, ticket)

    def _answer(self, agent: Answerer, ticket: Ticket, *, given_at: datetime) -> None:
        del self._tickets[ticket.id]
        self._at(self.now + ticket.arrival.handle, partial(self._release, agent, ticket))
        self.answered.append(
            Answered(
                id=ticket.id,
                arrival=ticket.arrival,
                wait=ticket.wait,
                agent_id=agent.id,
                given_at=given_at,
                answered_at=self.now,
            )
        )

    def _hold(self, agent: Answerer, ticket: Ticket) -> None:
        ticket.entry = None
        agent.held[ticket.arrival.kind.channel] += 1
        agent.idle_since = self.now
        # the agent asks again, behind those who asked earlier
        self._free.pop(agent.id)
        if not agent.asking.is_full:
            self._free[agent.id] = agent

    def _release(self, agent: Answerer, ticket: Ticket) -> None:
        agent.held[ticket.arrival.kind.channel] -= 1
        self._ask(agent)

    def _ticket(self, arrival: Arrival) -> Ticket:
        routing = arrival.routing
        wait = begin(
            routing.requirement, route=routing.route, target=routing.target, policy=self._policy, now=arrival.at
        )
        return Ticket(TicketId(next(self._numbers)), arrival, wait)

    def _group(self, asked: Requirement) -> Group:
        """Return the group where such tickets wait; tell every agent about a new one."""
        if asked not in self._groups:
            queue = self._policy.queues[asked.queue]
            rule = queue.offer if queue.mode is QueueMode.PUSH else None
            group = self._groups[asked] = Group(len(self._groups), asked, rule)
            for agent in self._agents.values():
                agent.meet(group)
        return self._groups[asked]


def _fronts(groups: Iterable[Group], *, push: bool) -> Sequence[tuple[Group, Ticket]]:
    """Return the first ticket of each push group (or of each pull group), in their order."""
    fronts = [(front, group) for group in groups if (group.rule is not None) is push and (front := group.front())]
    return [(group, ticket) for (_, _, ticket), group in sorted(fronts, key=itemgetter(0))]


def _waiting(group: Group, ticket: Ticket) -> dispatch.Waiting:
    return dispatch.Waiting(
        ticket_id=ticket.id,
        group=group.number,
        queue=group.asked.queue,
        channel=group.asked.channel,
        refused_by=ticket.refused_by,
    )
