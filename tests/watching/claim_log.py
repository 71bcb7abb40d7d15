"""What the event log proves of claims: at no moment two holders, a holder of another team, or more than fits."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.ticket import TicketId
from router.postgres.database import Database

# The ids of events are drawn under the locks of their ticket and their agent: of each they are in the order of time.
EVENTS = """
    select
      ticket.id as ticket_id, ticket.channel, ticket.group_id, ticket_event.state,
      substr(ticket_event.actor, length('agent:') + 1) as agent_id,
      (ticket_event.data ->> 'lease_epoch')::integer as epoch
    from ticket_event
    join ticket on ticket.id = ticket_event.ticket_id
    order by ticket_event.id"""
ELIGIBLE = "select agent_id, array_agg(group_id) as groups from agent_group group by agent_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A ticket that was given to an agent, or, without one, that has left whoever held it."""

    ticket_id: TicketId
    channel: str
    group: int
    epoch: int
    given_to: AgentId | None


async def events(database: Database) -> list[Event]:
    """Everything that happened to tickets, in order."""
    return [
        Event(
            ticket_id=row["ticket_id"],
            channel=row["channel"],
            group=row["group_id"],
            epoch=row["epoch"],
            given_to=AgentId(int(row["agent_id"])) if row["state"] == "assigned" else None,
        )
        for row in await database.fetch("test", EVENTS)
    ]


async def eligible_groups(database: Database) -> Mapping[AgentId, frozenset[int]]:
    """The groups that each agent may be given tickets of."""
    return {row["agent_id"]: frozenset(row["groups"]) for row in await database.fetch("test", ELIGIBLE)}


def violations(events: Iterable[Event], eligible: Mapping[AgentId, frozenset[int]], capacity: Capacity) -> list[str]:
    """One line for each promise that was broken."""
    ledger = _Ledger(eligible, capacity)
    return [problem for event in events for problem in ledger.enter(event)]


class _Ledger:
    """Who holds what, from event to event."""

    def __init__(self, eligible: Mapping[AgentId, frozenset[int]], capacity: Capacity) -> None:
        self._eligible = eligible
        self._capacity = capacity
        self._holders: dict[TicketId, AgentId] = {}
        self._epochs: Counter[TicketId] = Counter()
        self._held: defaultdict[AgentId, Counter[str]] = defaultdict(Counter)

    def enter(self, event: Event) -> list[str]:
        """Return what is wrong with the event, given those before it."""
        problems = self._problems(event, event.given_to) if event.given_to else []
        if holder := self._holders.pop(event.ticket_id, None):
            self._held[holder][event.channel] -= 1
        if event.given_to:
            self._holders[event.ticket_id] = event.given_to
            self._epochs[event.ticket_id] = event.epoch
            self._held[event.given_to][event.channel] += 1
        return problems

    def _problems(self, event: Event, agent_id: AgentId) -> list[str]:
        what = f"ticket {event.ticket_id} under lease {event.epoch} given to agent {agent_id}"
        checks = {
            "while somebody held it": event.ticket_id not in self._holders,
            "under an old lease": event.epoch > self._epochs[event.ticket_id],
            "of another group": event.group in self._eligible.get(agent_id, ()),
            "over capacity": self._capacity.has_room(self._held[agent_id], event.channel),
        }
        return [f"{what} {wrong}" for wrong, holds in checks.items() if not holds]
