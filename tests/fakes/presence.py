"""Presence without a database, and an agent's own page that lets everybody work."""

from collections.abc import Collection

from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Status
from router.domain.customer import AgentId
from router.flow.assign.presence import Declaration, Presences
from router.metrics import Metrics
from tests.making.assignment import a_policy


class FakePresence:
    """Remembers whom it was asked to renew; `fails` with what is put there."""

    def __init__(self) -> None:
        self.renewed: list[list[AgentId]] = []
        self.asked: list[AgentId] = []
        self.fails: Exception | None = None

    async def renew(self, agent_ids: Collection[AgentId]) -> Collection[AgentId]:
        self.renewed.append(list(agent_ids))
        if self.fails:
            raise self.fails
        return agent_ids

    async def ask(self, agent_id: AgentId) -> None:
        self.asked.append(agent_id)

    async def declare(self, agent: Agent, status: Status, reason: str | None) -> Declaration:
        raise AssertionError("what cannot be declared must not reach the store")


class Welcoming:
    """Lets every agent ask for the next ticket."""

    async def check_may_be_given(self, agent: Agent) -> None:
        pass


def fake_presences() -> Presences:
    """Presences that are kept nowhere."""
    return Presences(FakePresence(), a_policy(), Metrics(CollectorRegistry()))
