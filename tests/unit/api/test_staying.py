"""Who waits in `next` is there for as long as the wait lasts, however short the grace time."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from router.api.me import MeEndpoints, NextQuery
from router.domain.agent import Agent, Person, Role, TokenId
from router.domain.customer import AgentId
from router.flow.assign.presence import Presences
from router.metrics import Metrics
from tests.fakes.presence import FakePresence, Welcoming
from tests.making.assignment import a_policy

ADA = Agent(id=AgentId(1), name="Ada", teams=frozenset({"frontline"}))


class Waiting:
    """Gives nothing, after the process has looked for who is there."""

    def __init__(self, presences: Presences) -> None:
        self._presences = presences

    async def next(self, _agent_id: AgentId, _wait: timedelta, _token_id: TokenId) -> None:
        await self._presences.renew_staying()


async def test_who_waits_for_the_next_ticket_is_renewed_until_the_answer():
    store = FakePresence()
    presences = Presences(store, a_policy(), Metrics(CollectorRegistry()), lambda: 1000.0 * len(store.renewed))
    me = MeEndpoints(claims=Waiting(presences), reading=None, myself=Welcoming(), presences=presences)
    answer = await me.next(Person(token_id=TokenId(1), role=Role.AGENT, agent=ADA), NextQuery(wait=30))
    await presences.renew_staying()
    assert (answer.status, store.renewed) == (204, [[ADA.id]])
