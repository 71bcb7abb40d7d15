"""The rules by which leads and admins manage agents and teams."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import OPERATOR, Actor, Viewer
from router.domain.agent import Agent, Role
from router.domain.errors import Conflict, Invalid, NotFound, Refused
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.flow.see.agents import AgentFilter
from router.flow.work.agents import Agents
from router.metrics import Metrics
from router.policy.parse import parse_policy
from tests.fakes.center import FakeCenter

POLICY = parse_policy("""
assignment: {capacity: {limit: 10}}
teams:
  frontline: {takes: simple, description: Answers first.}
  specialists: {takes: complex}
queues:
  general: {team: frontline}
  live: {team: frontline, mode: push}
  expert: {team: specialists}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
""")
FRONTLINE = frozenset({"frontline"})
BOTH = frozenset({"frontline", "specialists"})
EVERYBODY = Viewer()


@pytest.fixture
def agents(center: FakeCenter, registry: CollectorRegistry) -> Agents:
    return Agents(center.agents, lambda: POLICY, Metrics(registry))


@pytest.fixture
async def lena(center: FakeCenter) -> Actor:
    """Leads the frontline."""
    return lead(await center.agent("Lena"))


def lead(agent: Agent) -> Actor:
    return Actor(role=Role.LEAD, agent=agent)


def limited(limit: int | None) -> Callable[[Profile], Profile]:
    return lambda profile: replace(profile, limit=limit)


def retired(profile: Profile) -> Profile:
    return replace(profile, is_retired=True)


async def teams_of(agents: Agents, name: str) -> list[str]:
    return list((await agents.show(EVERYBODY, name)).teams)


async def test_a_new_agent_is_shown_as_made(agents: Agents):
    profile = Profile(name="Grace", teams=BOTH, skills=Skills.parse(["german:4"]), limit=5, weights={"chat": 5})
    card = await agents.create(OPERATOR, profile)
    assert (card.name, card.teams, card.skills, card.limit) == ("Grace", sorted(BOTH), {"german": 4}, 5)


async def test_a_leads_new_agent_is_in_a_team_of_the_leads(agents: Agents, lena: Actor):
    with pytest.raises(Invalid, match="teams: must name one of yours: frontline"):
        await agents.create(lena, Profile(name="Grace"))
    assert (await agents.create(lena, Profile(name="Grace", teams=FRONTLINE))).teams == ["frontline"]


async def test_a_lead_puts_nobody_into_a_team_of_others(agents: Agents, lena: Actor):
    said = "teams: cannot include 'specialists': choose from frontline"
    with pytest.raises(Invalid, match=said):
        await agents.create(lena, Profile(name="Grace", teams=BOTH))
    await agents.create(lena, Profile(name="Grace", teams=FRONTLINE))
    with pytest.raises(Invalid, match=said):
        await agents.change(lena, "Grace", lambda profile: replace(profile, teams=BOTH))


async def test_teams_are_those_of_the_policy(agents: Agents):
    with pytest.raises(Invalid, match="teams: cannot include 'kitchen': choose from frontline, specialists"):
        await agents.create(OPERATOR, Profile(name="Grace", teams=frozenset({"kitchen"})))


async def test_a_name_is_used_once(agents: Agents, lena: Actor):
    with pytest.raises(Conflict, match="There is already an agent named Lena"):
        await agents.create(OPERATOR, Profile(name="lena"))


async def test_every_weight_of_an_agent_fits_under_their_limit(agents: Agents, center: FakeCenter):
    too_heavy = Profile(name="Alan", limit=3, weights={"chat": 4})
    said = "weights.chat: is 4, above the agent's limit of 3: none would fit"
    with pytest.raises(Invalid, match=said):
        await agents.create(OPERATOR, too_heavy)
    await center.agent("Alan")
    with pytest.raises(Invalid, match=said):
        await agents.change(OPERATOR, "Alan", lambda _: too_heavy)
    with pytest.raises(Invalid, match=r"weights.chat: is 11, above"):
        await agents.create(OPERATOR, Profile(name="Ada", weights={"chat": 11}))


async def test_an_agent_with_a_limit_of_nothing_may_have_any_weight(agents: Agents):
    assert (await agents.create(OPERATOR, Profile(name="Grace", limit=0, weights={"chat": 4}))).limit == 0


@pytest.mark.parametrize("do", ["show", "change", "leave"])
async def test_an_agent_of_another_team_is_like_one_who_is_not_there(
    agents: Agents, center: FakeCenter, lena: Actor, do: str
):
    await center.agent("Alan", teams=["specialists"])
    asking = {
        "show": lambda name: agents.show(Viewer.of(lena), name),
        "change": lambda name: agents.change(lena, name, limited(3)),
        "leave": lambda name: agents.leave(lena, "frontline", name),
    }[do]
    for name in ("Alan", "Nobody"):
        with pytest.raises(NotFound, match=rf"There is no agent {name} in your teams\."):
            await asking(name)
    with pytest.raises(NotFound, match=r"There is no agent Nobody\.$"):
        await agents.show(EVERYBODY, "Nobody")


async def test_a_lead_sees_and_sets_of_the_teams_only_their_own(agents: Agents, center: FakeCenter, lena: Actor):
    await center.agent("Grace", teams=BOTH)
    seen: list[frozenset[str]] = []

    def look(profile: Profile) -> Profile:
        seen.append(profile.teams)
        return replace(profile, teams=frozenset())

    await agents.change(lena, "Grace", look)
    assert seen == [FRONTLINE]
    assert await teams_of(agents, "Grace") == ["specialists"]


async def test_nobody_retires_themselves(agents: Agents, lena: Actor):
    with pytest.raises(Refused, match=r"You cannot retire yourself: ask another lead or an admin\."):
        await agents.change(lena, "Lena", retired)


async def test_a_lead_does_not_retire_who_works_for_others_too(agents: Agents, center: FakeCenter, lena: Actor):
    await center.agent("Grace", teams=BOTH)
    with pytest.raises(Refused, match=r"Grace is also in teams that are not yours: ask an admin to retire them\."):
        await agents.change(lena, "Grace", retired)
    assert (await agents.change(OPERATOR, "Grace", retired)).is_retired


async def test_a_lead_may_change_a_retired_agent_who_worked_for_others_too(
    agents: Agents, center: FakeCenter, lena: Actor
):
    await center.agent("Grace", teams=BOTH)
    await agents.change(OPERATOR, "Grace", retired)
    assert (await agents.change(lena, "Grace", limited(3))).limit == 3


async def test_members_join_and_leave(agents: Agents, center: FakeCenter):
    await center.agent("Grace")
    await agents.join(OPERATOR, "specialists", "Grace")
    await agents.join(OPERATOR, "specialists", "Grace")
    assert await teams_of(agents, "Grace") == sorted(BOTH)
    await agents.leave(OPERATOR, "frontline", "Grace")
    assert await teams_of(agents, "Grace") == ["specialists"]
    with pytest.raises(NotFound, match=r"Grace is not in team frontline\."):
        await agents.leave(OPERATOR, "frontline", "Grace")


async def test_a_team_that_is_not_theirs_cannot_be_joined(agents: Agents, center: FakeCenter, lena: Actor):
    await center.agent("Grace")
    with pytest.raises(NotFound, match=r"There is no team specialists: choose one of frontline\."):
        await agents.join(lena, "specialists", "Grace")
    with pytest.raises(NotFound, match=r"There is no team kitchen: choose one of frontline, specialists\."):
        await agents.join(OPERATOR, "kitchen", "Grace")


async def test_a_member_may_leave_a_team_that_the_policy_dropped(agents: Agents, center: FakeCenter):
    await center.agent("Grace", teams=["kitchen", "frontline"])
    await agents.leave(OPERATOR, "kitchen", "Grace")
    assert await teams_of(agents, "Grace") == ["frontline"]


async def test_offers_that_end_with_the_membership_are_counted(
    agents: Agents, center: FakeCenter, registry: CollectorRegistry
):
    await center.offer(await center.agent("Grace"), queue="live")
    await agents.leave(OPERATOR, "frontline", "Grace")
    assert registry.get_sample_value("router_offers_total", {"queue": "live", "outcome": "withdrawn"}) == 1


async def test_teams_are_those_of_the_policy_and_what_it_left_behind(agents: Agents, center: FakeCenter):
    await center.agent("Grace", teams=["kitchen", "frontline"])
    frontline, specialists, kitchen = await agents.teams(EVERYBODY)
    assert (frontline.name, frontline.description, frontline.takes, frontline.queues) == (
        "frontline",
        "Answers first.",
        ["simple"],
        ["general", "live"],
    )
    assert [[member.name for member in team.members] for team in (frontline, specialists, kitchen)] == [
        ["Grace"],
        [],
        ["Grace"],
    ]
    assert (kitchen.name, kitchen.description, kitchen.takes, kitchen.queues) == ("kitchen", "", (), [])


async def test_a_lead_is_shown_their_own_teams_and_agents(agents: Agents, center: FakeCenter, lena: Actor):
    await center.agent("Alan", teams=["specialists"])
    viewer = Viewer.of(lena)
    assert [team.name for team in await agents.teams(viewer)] == ["frontline"]
    assert [card.name for card in await agents.list(viewer, AgentFilter())] == ["Lena"]
