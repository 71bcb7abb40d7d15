"""Agents' presence: what they declare, and the lease that every sign of life renews. A store keeps both."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from router.domain.actor import Actor
from router.domain.agent import Agent, Role, Status
from router.domain.customer import AgentId
from router.domain.errors import Invalid
from router.domain.history import HistoryKind, HistoryReason
from router.flow.run.transitions import Transitions, Turned
from router.flow.see.agents import PresenceCard
from router.metrics import Metrics
from router.policy.model import Policy

WRITES_PER_GRACE = 3
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What an agent's word came to; the tickets `withdrawn` were offered to them."""

    presence: PresenceCard
    withdrawn: Sequence[Turned]


class PresenceStore(Protocol):
    """Keeps one presence per agent, however many clients they have."""

    async def renew(self, agent_ids: Collection[AgentId]) -> Collection[AgentId]:
        """Record a sign of life for all of these at once; return those with a status of their own word.

        It makes nobody available: an agent who has declared nothing, or was lost, has to say so.
        """

    async def ask(self, agent_id: AgentId) -> None:
        """Make an agent available who has declared nothing, or was lost since; others keep their status."""

    async def declare(self, agent: Agent, status: Status, reason: str | None) -> Declaration:
        """Set the status; any but available withdraws the agent's offers, and their tickets go back to their places."""


class Presences:
    """The presence of agents as one process sees it.

    Any sign of life renews an agent's lease. It is written at most every third of the grace time, so that a thousand
    requests cost no more than one.
    """

    def __init__(
        self,
        store: PresenceStore,
        policy: Callable[[], Policy],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._policy = policy
        self._transitions = Transitions(metrics)
        self._clock = clock
        self._written: dict[AgentId, float] = {}
        self._staying: Counter[AgentId] = Counter()
        self._declared: set[AgentId] = set()

    async def seen(self, agent_id: AgentId) -> None:
        """Record a sign of life."""
        await self._renew([agent_id])

    async def asks(self, agent_id: AgentId) -> None:
        """Take the agent's asking for work as their word that they are available, if they have given none."""
        if agent_id not in self._declared:
            await self._store.ask(agent_id)
            self._declared.add(agent_id)

    @contextmanager
    def staying(self, agent_id: AgentId) -> Iterator[None]:
        """Count the agent as present until the context ends, for example while they wait for an answer or stream."""
        self._staying[agent_id] += 1
        try:
            yield
        finally:
            self._staying[agent_id] -= 1
            if not self._staying[agent_id]:
                del self._staying[agent_id]

    async def renew_staying(self) -> None:
        """Renew all staying agents who are due, in one statement."""
        await self._renew(self._staying)

    async def declare(self, agent: Agent, status: Status, reason: str | None = None) -> PresenceCard:
        """Set the agent's status; raises `Invalid` for a reason that the policy does not list for it."""
        self._check_reason(status, reason)
        declared = await self._store.declare(agent, status, reason)
        self._declared.add(agent.id)
        report_withdrawn(declared.withdrawn, self._transitions, by=Actor(role=Role.AGENT, agent=agent))
        return declared.presence

    async def _renew(self, agent_ids: Collection[AgentId]) -> None:
        now = self._clock()
        earliest = now - self._policy().assignment.grace.total_seconds() / WRITES_PER_GRACE
        due = [agent_id for agent_id in agent_ids if self._written.get(agent_id, earliest) <= earliest]
        if not due:
            return
        # set before the write, so that requests that come meanwhile do not write again
        self._written.update(dict.fromkeys(due, now))
        try:
            self._declared.difference_update(due)
            self._declared.update(await self._store.renew(due))
        except BaseException:
            for agent_id in due:
                self._written.pop(agent_id, None)
            raise

    def _check_reason(self, status: Status, reason: str | None) -> None:
        known = self._policy().assignment.reasons.get(status, ())
        if reason is not None and reason not in known:
            choice = f"choose one of {', '.join(known)}, or leave it out" if known else "leave it out"
            raise Invalid("reason", f"'{reason}' is not a reason that the policy lists for {status}: {choice}")


def report_withdrawn(withdrawn: Sequence[Turned], transitions: Transitions, *, by: object) -> None:
    """Report offers that have ended because the agent is not available any more."""
    transitions.report(HistoryKind.RELEASE, *withdrawn, by=by, reason=HistoryReason.NOT_AVAILABLE)
