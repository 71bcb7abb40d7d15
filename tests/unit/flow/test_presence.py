"""How often signs of life are written: at most every third of the grace time, and all who stay in one statement."""

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Status
from router.domain.customer import AgentId
from router.domain.errors import Invalid, StoreUnavailable
from router.flow.assign.presence import Presences
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy
from tests.fakes.presence import FakePresence

POLICY = """
teams: {{frontline: {{takes: any}}}}
queues: {{general: {{team: frontline}}}}
routes: [{{name: all, queue: general, target: 1h}}]
triage: {{bias: 0}}
assignment: {{grace: {grace}, reasons: {{away: [lunch, training]}}}}
"""
ADA, GRACE = AgentId(1), AgentId(2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Process:
    """The presences of one process, on a clock and a policy that a test turns."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FakePresence()
        self.grace = "90s"
        self.presences = Presences(self.store, self.policy, Metrics(CollectorRegistry()), self.clock)

    def policy(self) -> Policy:
        return parse_policy(POLICY.format(grace=self.grace))

    async def seen_after(self, seconds: float, agent_id: AgentId = ADA) -> int:
        """Let a request come so much later; returns how many writes there have been."""
        self.clock.now += seconds
        await self.presences.seen(agent_id)
        return len(self.store.renewed)


@pytest.fixture
def process() -> Process:
    return Process()


async def test_the_first_request_is_written_at_once_and_the_next_after_a_third_of_the_grace_time(process: Process):
    assert [await process.seen_after(seconds) for seconds in (0, 1, 28, 1, 29, 1)] == [1, 1, 1, 2, 2, 3]


async def test_each_agent_is_written_apart(process: Process):
    await process.seen_after(0)
    assert await process.seen_after(0, GRACE) == 2


async def test_two_clients_of_an_agent_are_one_agent(process: Process):
    with process.presences.staying(ADA), process.presences.staying(ADA):
        await process.presences.renew_staying()
    assert process.store.renewed == [[ADA]]


async def test_a_shorter_grace_time_counts_at_once(process: Process):
    await process.seen_after(0)
    process.grace = "30s"
    assert await process.seen_after(10) == 2


async def test_a_write_that_failed_is_tried_with_the_next_request(process: Process):
    process.store.fails = StoreUnavailable("gone")
    with pytest.raises(StoreUnavailable):
        await process.seen_after(0)
    process.store.fails = None
    assert await process.seen_after(0) == 2


async def test_all_who_stay_are_renewed_in_one_statement_until_they_go(process: Process):
    with process.presences.staying(ADA), process.presences.staying(GRACE):
        await process.presences.renew_staying()
        await process.presences.renew_staying()
        process.clock.now += 30
        await process.presences.renew_staying()
    process.clock.now += 30
    await process.presences.renew_staying()
    assert process.store.renewed == [[ADA, GRACE], [ADA, GRACE]]


async def test_who_goes_with_one_of_two_clients_stays(process: Process):
    with process.presences.staying(ADA):
        with process.presences.staying(ADA):
            pass
        await process.presences.renew_staying()
    assert process.store.renewed == [[ADA]]


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (Status.AWAY, "yoga", "choose one of lunch, training, or leave it out"),
        (Status.BUSY, "lunch", "leave it out"),
        (Status.AWAY, "", "choose one of lunch, training, or leave it out"),
    ],
)
async def test_a_reason_that_the_policy_does_not_have_for_the_status_is_refused(
    process: Process, status: Status, reason: str, advice: str
):
    with pytest.raises(Invalid, match=f"{advice}$") as refused:
        await process.presences.declare(Agent(id=ADA, name="Ada"), status, reason)
    assert refused.value.field == "reason"
