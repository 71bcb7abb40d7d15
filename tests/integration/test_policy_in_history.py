"""Whatever the policy had a say in names its version in the ticket's history, so that it can be explained later."""

from collections.abc import Awaitable, Callable

import pytest

from router.domain.actor import Actor
from router.domain.agent import Role
from router.flow.assign.hold import Hold
from router.flow.work.transfer import Destination
from router.policy.parse import parse_policy
from tests.clients.api import Api
from tests.making.agents import an_agent
from tests.making.builders import a_customer
from tests.making.holds import a_hold, history

POLICY = """
teams: {frontline: {takes: simple, overflow_to: [specialists]}, specialists: {takes: complex}}
queues:
  general: {team: frontline}
  live: {team: frontline, wrap_up: 60s, abandon: true}
  expert: {team: specialists}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""


async def transfer(api: Api, hold: Hold) -> None:
    await api.desk.transfer(hold, Destination(queue="expert"))


async def transfer_to_an_agent(api: Api, hold: Hold) -> None:
    await api.desk.transfer(hold, Destination(agent="Grace"))


async def reassign(api: Api, hold: Hold) -> None:
    await api.lead.reassign(Actor(role=Role.ADMIN), hold.lease.ticket_id, Destination(queue="expert"))


async def resolve(api: Api, hold: Hold) -> None:
    await api.desk.resolve(hold)


async def abandon(api: Api, hold: Hold) -> None:
    await api.desk.abandon(hold)


Step = Callable[[Api, Hold], Awaitable[None]]


@pytest.mark.parametrize(
    ("queue", "step", "kind"),
    [
        pytest.param("general", transfer, "queue", id="which queues take it over"),
        pytest.param("general", transfer_to_an_agent, "queue", id="where it waits for an agent"),
        pytest.param("general", reassign, "reassign", id="which queues a lead may choose"),
        pytest.param("general", resolve, "resolve", id="that its queue has no wrap-up"),
        pytest.param("live", resolve, "wrap_up", id="that its queue has one"),
        pytest.param("live", abandon, "abandon", id="that customers leave its queue"),
    ],
)
async def test_what_the_policy_has_decided_names_its_version(api: Api, queue: str, step: Step, kind: str):
    hold = await a_hold(api, await an_agent(api.database), queue=queue)
    await step(api, hold)
    happened, _, _, data = (await history(api, hold))[-1]
    assert (happened, data["policy_version"]) == (kind, parse_policy(POLICY).version)


async def test_what_a_merge_wakes_names_the_version_of_the_policy(api: Api):
    grace, customer = await an_agent(api.database), await a_customer(api.database)
    asleep, hold = [await a_hold(api, grace, customer_id=customer) for _ in range(2)]
    await api.desk.snooze(asleep)
    await api.desk.merge(hold, asleep.lease.ticket_id)
    happened, _, _, data = (await history(api, asleep))[-1]
    assert (happened, data["policy_version"]) == ("queue", parse_policy(POLICY).version)
