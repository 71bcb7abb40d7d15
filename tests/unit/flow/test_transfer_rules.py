"""Where a ticket that somebody moves begins to wait, for whom, and with which skills."""

import pytest

from router.domain.errors import Invalid, Refused
from router.domain.ticket import TicketNow
from router.domain.triage import Complexity
from router.domain.wait import Wait, requirement
from router.flow.work.transfer import RESERVED_FOR, Destination, wait_at
from router.policy.parse import parse_policy
from tests.fakes.center import FakeCenter
from tests.making.moments import HOUR, MINUTE, NOON
from tests.making.waits import a_ticket_now

POLICY = parse_policy("""
teams:
  frontline: {takes: simple, overflow_to: [specialists]}
  specialists: {takes: complex}
  accounts: {takes: any}
queues:
  general: {team: frontline}
  live: {team: frontline}
  expert: {team: specialists, sticky_for: 5m}
  key: {team: accounts}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h, relax: [{after: 30m, target: 5m}]}
triage: {bias: -1}
""")
GERMAN = Wait(
    requirement=requirement("general", "frontline", ("german",), "email"), enqueued_at=NOON - HOUR, due_at=NOON
)
TICKET = a_ticket_now(GERMAN)
EXPERTS_TICKET = a_ticket_now(
    GERMAN._replace(requirement=requirement("expert", "specialists", (), "email")), complexity=Complexity.COMPLEX
)


async def moved(center: FakeCenter, ticket: TicketNow = TICKET, **to: str) -> Wait:
    async with center.desk.work() as work:
        return await wait_at(Destination(**to), ticket, POLICY, work)


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "queue: is missing, and so is `agent`"), ({"queue": "live", "agent": "Ada"}, "queue: and `agent` are both")],
)
def test_a_destination_is_a_queue_or_an_agent(given: dict[str, str], said: str):
    with pytest.raises(Invalid, match=said):
        Destination(**given)


async def test_a_moved_ticket_begins_a_new_wait_with_its_target(center: FakeCenter):
    wait = await moved(center, queue="expert")
    assert (wait.requirement.queue, wait.requirement.team) == ("expert", "specialists")
    assert (wait.enqueued_at, wait.due_at) == (NOON, NOON + TICKET.target)
    assert (wait.relaxed, wait.reserved_for) == (0, None)


async def test_a_queue_that_does_not_exist_is_answered_with_those_that_do(center: FakeCenter):
    with pytest.raises(Invalid, match="queue: is not known: choose one of expert, general, key, live"):
        await moved(center, queue="kitchen")


async def test_a_team_is_not_given_what_it_does_not_take(center: FakeCenter):
    said = "Queue general belongs to team frontline, which takes simple tickets, but this one is complex"
    with pytest.raises(Refused, match=said):
        await moved(center, EXPERTS_TICKET, queue="general")
    assert (await moved(center, EXPERTS_TICKET, queue="key")).requirement.team == "accounts"


@pytest.mark.parametrize(("skills", "kept"), [(["german"], ("german",)), (["french"], ()), ([], ())])
async def test_skills_go_along_if_somebody_in_the_team_has_them(
    center: FakeCenter, skills: list[str], kept: tuple[str, ...]
):
    await center.agent("Alan", teams=["specialists"], skills=skills)
    await center.agent("Grace", skills=["german"])
    assert (await moved(center, queue="expert")).requirement.skills == kept


async def test_relaxation_begins_anew_in_the_routes_own_queue_alone(center: FakeCenter):
    assert (await moved(center, queue="general")).relax_at == NOON + 30 * MINUTE
    assert (await moved(center, queue="live")).relax_at is None


async def test_a_ticket_moved_to_an_agent_waits_for_them_where_it_was(center: FakeCenter):
    ada = await center.agent("Ada", skills=["german"])
    wait = await moved(center, agent="Ada")
    assert wait.requirement == GERMAN.requirement
    assert (wait.reserved_for, wait.reserved_until) == (ada.id, NOON + RESERVED_FOR)


async def test_a_queue_says_how_long_a_ticket_is_reserved_for_the_agent_it_was_moved_to(center: FakeCenter):
    alan = await center.agent("Alan", teams=["specialists"])
    wait = await moved(center, agent="Alan")
    assert wait.requirement.queue == "expert"
    assert (wait.reserved_for, wait.reserved_until) == (alan.id, NOON + 5 * MINUTE)


@pytest.mark.parametrize(("skills", "kept"), [(["german", "vip"], ("german",)), (["french"], ())])
async def test_skills_go_along_to_an_agent_who_has_them(center: FakeCenter, skills: list[str], kept: tuple[str, ...]):
    await center.agent("Ada", skills=skills)
    await center.agent("Grace", skills=["german"])
    assert (await moved(center, agent="Ada")).requirement.skills == kept


async def test_nobody_is_moved_a_ticket_who_is_not_there(center: FakeCenter):
    with pytest.raises(Invalid, match="agent: is not known: ask a lead for the name"):
        await moved(center, agent="Nobody")


async def test_an_agent_without_a_queue_is_moved_nothing(center: FakeCenter):
    await center.agent("Ada", teams=["a team that the policy dropped"])
    with pytest.raises(Invalid, match="agent: Ada's teams have no queue"):
        await moved(center, agent="Ada")


async def test_an_agent_is_found_in_the_first_queue_that_may_have_the_ticket(center: FakeCenter):
    await center.agent("Ada", teams=["frontline", "accounts"])
    assert (await moved(center, EXPERTS_TICKET, agent="Ada")).requirement.queue == "key"


async def test_an_agent_whose_teams_do_not_take_the_ticket_is_moved_nothing(center: FakeCenter):
    await center.agent("Grace")
    with pytest.raises(Refused, match="Queue general belongs to team frontline"):
        await moved(center, EXPERTS_TICKET, agent="Grace")
