"""What every store of agents must do, the fake as well as PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router.domain.actor import OPERATOR, Viewer
from router.domain.agent import Agent, Status
from router.domain.errors import Conflict
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.domain.ticket import TicketState
from router.flow.run.transitions import Turned
from router.flow.see.agents import AgentFilter
from tests.making.center import Center

GRACE = timedelta(seconds=90)
ALL = AgentFilter()
EVERYBODY = Viewer()
FRONTLINE = Viewer(teams=frozenset({"frontline"}))
DESCRIBED = Profile(
    name="Grace",
    teams=frozenset({"frontline", "specialists"}),
    skills=Skills(levels={"german": 4}, languages=frozenset({"fr", "de"})),
    limit=8,
    weights={"chat": 4},
    most={"chat": 2},
)


async def change(center: Center, agent: Agent, **changed: object) -> list[Turned]:
    async with center.agents.work() as work:
        before = await work.profile(agent.name)
        assert before
        return list(await work.record(before, replace(before, **changed), by=OPERATOR))


async def profile(center: Center, name: str) -> Profile | None:
    async with center.agents.work() as work:
        return await work.profile(name)


async def names(center: Center, viewer: Viewer = EVERYBODY, wanted: AgentFilter = ALL) -> list[str]:
    return [card.name for card in await center.agents.cards(viewer, wanted, grace=GRACE)]


async def test_a_new_agent_is_nothing_yet(center: Center):
    async with center.agents.work() as work:
        assert await work.make("Grace") == Profile(name="Grace")


async def test_what_is_recorded_is_what_is_read(center: Center):
    async with center.agents.work() as work:
        await work.record(await work.make("Grace"), DESCRIBED, by=OPERATOR)
    assert await profile(center, "Grace") == DESCRIBED
    assert await center.audit() == [
        ("cli", "agent.create", "agent:Grace"),
        ("cli", "team.join", "team:frontline"),
        ("cli", "team.join", "team:specialists"),
    ]


async def test_an_agent_who_is_not_there_has_no_profile(center: Center):
    assert await profile(center, "Grace") is None
    assert await center.agents.card(EVERYBODY, "Grace", grace=GRACE) is None


async def test_a_name_is_used_once_whatever_the_capitals(center: Center):
    await center.agent("Grace")
    with pytest.raises(Conflict, match="There is already an agent named Grace"):
        async with center.agents.work() as work:
            await work.make("GRACE")


async def test_work_that_fails_changes_nothing(center: Center):
    grace = await center.agent()
    with pytest.raises(RuntimeError):  # noqa: PT012 - the work is what must fail
        async with center.agents.work() as work:
            before = await work.profile("Grace")
            assert before
            await work.record(before, DESCRIBED, by=OPERATOR)
            raise RuntimeError
    assert await profile(center, "Grace") == Profile(name="Grace", teams=grace.teams)
    assert await center.audit() == []


async def test_a_change_leaves_its_trail(center: Center):
    grace = await center.agent()
    await change(center, grace, limit=3)
    await change(center, grace, teams=frozenset({"specialists"}))
    await change(center, grace, is_retired=True)
    await change(center, grace, is_retired=False)
    await change(center, grace)
    assert [(action, subject) for _, action, subject in await center.audit()] == [
        ("agent.change", "agent:Grace"),
        ("team.leave", "team:frontline"),
        ("team.join", "team:specialists"),
        ("agent.retire", "agent:Grace"),
        ("agent.reinstate", "agent:Grace"),
    ]


@pytest.mark.parametrize("state", [TicketState.ASSIGNED, TicketState.WRAP_UP])
async def test_a_team_is_not_left_with_its_tickets_in_hand(center: Center, state: TicketState):
    grace = await center.agent(teams=["frontline", "specialists"])
    await center.ticket(held_by=grace, state=state)
    await change(center, grace, teams=frozenset({"frontline"}))
    with pytest.raises(Conflict, match="Grace still holds tickets of team frontline"):
        await change(center, grace, teams=frozenset())
    assert await profile(center, "Grace") == Profile(name="Grace", teams=frozenset({"frontline"}))


async def test_who_leaves_a_team_is_offered_nothing_of_it(center: Center):
    grace = await center.agent(teams=["frontline", "specialists"])
    kept = await center.offer(grace, queue="expert", team="specialists")
    lost = await center.offer(grace)
    withdrawn = await change(center, grace, teams=frozenset({"specialists"}))
    assert withdrawn == [Turned(lost.ticket_id, TicketState.OFFERED, grace.id, "general", "email")]
    assert await center.history(lost.ticket_id) == [("release", "queued", "cli", "not_available")]
    assert await center.history(kept.ticket_id) == []


async def test_nobody_retires_with_tickets_in_hand(center: Center):
    grace = await center.agent()
    for _ in range(2):
        await center.ticket(held_by=grace)
    with pytest.raises(Conflict, match="Grace still holds 2 tickets"):
        await change(center, grace, is_retired=True)


async def test_who_retires_is_offered_nothing(center: Center):
    grace = await center.agent()
    lost = await center.offer(grace)
    assert await change(center, grace, is_retired=True) == [
        Turned(lost.ticket_id, TicketState.OFFERED, grace.id, "general", "email")
    ]


async def test_agents_are_listed_by_name_page_by_page(center: Center):
    for name in ("Grace", "Alan", "Edsger"):
        await center.agent(name)
    assert await names(center) == ["Alan", "Edsger", "Grace"]
    assert await names(center, wanted=AgentFilter(limit=2)) == ["Alan", "Edsger"]
    assert await names(center, wanted=AgentFilter(after="Edsger")) == ["Grace"]


async def test_the_retired_are_listed_on_request_only(center: Center):
    await change(center, await center.agent(), is_retired=True)
    assert await names(center) == []
    assert await names(center, wanted=AgentFilter(with_retired=True)) == ["Grace"]
    assert await center.agents.members(EVERYBODY, grace=GRACE) == {}
    card = await center.agents.card(EVERYBODY, "Grace", grace=GRACE)
    assert card
    assert card.retired_at


async def test_agents_are_listed_by_team(center: Center):
    await center.agent("Grace")
    await center.agent("Alan", teams=["specialists", "frontline"])
    assert await names(center, wanted=AgentFilter(team="specialists")) == ["Alan"]
    assert await names(center, FRONTLINE, AgentFilter(team="specialists")) == []


async def test_other_teams_and_their_agents_are_not_seen(center: Center):
    await center.agent("Alan", teams=["specialists"])
    await center.agent("Grace", teams=["specialists", "frontline"])
    assert await names(center, FRONTLINE) == ["Grace"]
    assert await center.agents.card(FRONTLINE, "Alan", grace=GRACE) is None
    card = await center.agents.card(FRONTLINE, "Grace", grace=GRACE)
    assert card
    assert list(card.teams) == ["frontline"]
    members = await center.agents.members(FRONTLINE, grace=GRACE)
    assert {team: [member.name for member in each] for team, each in members.items()} == {"frontline": ["Grace"]}


async def test_a_card_shows_everything(center: Center):
    await change(center, await center.agent(), **{name: getattr(DESCRIBED, name) for name in ("teams", "skills")})
    card = await center.agents.card(EVERYBODY, "Grace", grace=GRACE)
    assert card
    assert (list(card.teams), card.skills, list(card.languages)) == (
        ["frontline", "specialists"],
        {"german": 4},
        ["de", "fr"],
    )
    assert (card.limit, card.weights, card.most, card.presence, card.is_draining) == (None, {}, {}, None, False)


async def test_a_card_counts_what_the_agent_holds_of_the_viewers_teams(center: Center):
    grace = await center.agent(teams=["frontline", "specialists"])
    await center.ticket(held_by=grace)
    await center.ticket(held_by=grace, channel="chat", state=TicketState.WRAP_UP)
    await center.ticket(held_by=grace, queue="expert", team="specialists")
    await center.ticket()
    [everything] = await center.agents.cards(EVERYBODY, ALL, grace=GRACE)
    [of_frontline] = await center.agents.cards(FRONTLINE, ALL, grace=GRACE)
    assert (everything.held, of_frontline.held) == ({"email": 2, "chat": 1}, {"email": 1, "chat": 1})


async def test_a_presence_is_live_for_the_grace_time(center: Center):
    await center.declare(await center.agent(), Status.BUSY, "training")
    live = []
    for passed in (timedelta(0), GRACE + timedelta(seconds=1)):
        await center.pass_time(passed)
        [[member]] = (await center.agents.members(EVERYBODY, grace=GRACE)).values()
        assert member.presence
        assert (member.presence.status, member.presence.reason) == (Status.BUSY, "training")
        live.append(member.presence.is_live)
    assert live == [True, False]


async def test_an_agent_has_groups_once_a_ticket_has_waited_for_their_teams_and_skills(center: Center):
    grace = await center.agent(skills=["german"])
    await center.ticket(skills=("french",))
    assert not await center.agents.has_groups(grace)
    await center.ticket(skills=("german",))
    assert await center.agents.has_groups(grace)
