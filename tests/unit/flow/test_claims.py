"""The lane that serves waiting agents together: what each of them is told, on a store in memory."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Status
from router.domain.capacity import Capacity
from router.domain.errors import Refused, TokenEnded
from tests.fakes.claims import FakeClaims
from tests.making.assignment import a_policy
from tests.making.claiming import LONG, NO_WAIT, parked, serving, until_idle, until_rounds
from tests.making.tickets import a_requirement


async def test_an_agent_gets_the_ticket_that_waits():
    store = FakeClaims()
    ada, ticket_id = await store.agent(), await store.queue(a_requirement())
    async with serving(store) as claims:
        assignment = await claims.next(ada, NO_WAIT)
    assert assignment
    assert (assignment.agent_id, assignment.lease.ticket_id) == (ada, ticket_id)


async def test_without_wait_the_answer_is_nothing_at_once():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        assert await claims.next(ada, NO_WAIT) is None


async def test_a_wait_ends_with_nothing():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store, poll_s=0.01) as claims:
        assert await claims.next(ada, timedelta(milliseconds=30)) is None


async def test_a_ticket_that_comes_later_is_given_to_who_waits():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        asking = await parked(claims, store, ada)
        ticket_id = await store.queue(a_requirement())
        claims.wake()
        assert (await asking).lease.ticket_id == ticket_id


async def test_a_ticket_is_found_without_any_hint():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store, poll_s=0.01) as claims:
        asking = await parked(claims, store, ada)
        ticket_id = await store.queue(a_requirement())
        assert (await asking).lease.ticket_id == ticket_id


async def test_who_waits_longest_is_served_first():
    store = FakeClaims()
    agents = [await store.agent() for _ in range(3)]
    async with serving(store) as claims:
        waiting = [await parked(claims, store, agent_id) for agent_id in reversed(agents)]
        tickets = [await store.queue(a_requirement(), due_in=timedelta(hours=n)) for n in range(1, 4)]
        claims.wake()
        assert [assignment.lease.ticket_id for assignment in await asyncio.gather(*waiting)] == tickets


async def test_a_lost_answer_comes_again_under_the_same_lease():
    store = FakeClaims()
    ada = await store.agent()
    for _ in range(2):
        await store.queue(a_requirement())
    async with serving(store) as claims:
        first = await claims.next(ada, NO_WAIT)
        again = await claims.next(ada, NO_WAIT)
        assert first is not None
        assert again is not None
        assert again.lease == first.lease
        await store.see(first.lease.ticket_id)
        assert (await claims.next(ada, NO_WAIT)).lease != first.lease


async def test_a_client_that_goes_away_during_a_round_loses_nothing():
    store = FakeClaims()
    ada, ticket_id = await store.agent(), await store.queue(a_requirement())
    store.gate = asyncio.Event()
    async with serving(store) as claims:
        asking = asyncio.create_task(claims.next(ada, LONG))
        await until_rounds(store, 1)
        asking.cancel()
        await asyncio.wait([asking])
        store.gate.set()
        await until_idle()
        assert (await claims.next(ada, NO_WAIT)).lease.ticket_id == ticket_id


async def test_a_client_that_goes_away_while_parked_is_given_nothing():
    store = FakeClaims()
    ada, grace = await store.agent(), await store.agent()
    async with serving(store) as claims:
        gone = await parked(claims, store, ada)
        gone.cancel()
        await asyncio.wait([gone])
        asking = await parked(claims, store, grace)
        ticket_id = await store.queue(a_requirement())
        claims.wake()
        assert (await asking).lease.ticket_id == ticket_id


async def test_two_clients_of_one_agent_get_the_same_answer():
    store = FakeClaims()
    ada = await store.agent()
    for _ in range(2):
        await store.queue(a_requirement())
    async with serving(store) as claims:
        one, other = await asyncio.gather(claims.next(ada, LONG), claims.next(ada, LONG))
    assert one == other


async def test_one_client_that_goes_away_does_not_take_the_answer_from_the_other():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        one, other = await parked(claims, store, ada), await parked(claims, store, ada)
        one.cancel()
        ticket_id = await store.queue(a_requirement())
        claims.wake()
        assert (await other).lease.ticket_id == ticket_id


async def test_a_full_agent_waits_until_there_is_room():
    store = FakeClaims()
    ada, ticket_id = await store.agent(), await store.queue(a_requirement())
    await store.limit(ada, 0)
    async with serving(store) as claims:
        asking = await parked(claims, store, ada)
        await store.limit(ada, 1)
        claims.wake()
        assert (await asking).lease.ticket_id == ticket_id


async def test_agents_carry_what_the_policy_says():
    store = FakeClaims()
    ada = await store.agent()
    for _ in range(3):
        await store.queue(a_requirement())
    given = []
    async with serving(store, policy=a_policy(Capacity(limit=2, weights={}, most={}))) as claims:
        while assignment := await claims.next(ada, NO_WAIT):
            given.append(assignment.lease.ticket_id)
            await store.see(assignment.lease.ticket_id)
    assert len(given) == 2


async def test_tickets_of_push_queues_are_not_given():
    store = FakeClaims()
    ada = await store.agent()
    await store.queue(a_requirement(queue="live"))
    async with serving(store, policy=a_policy(push=["live"])) as claims:
        assert await claims.next(ada, NO_WAIT) is None


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (Status.BUSY, "Your status is busy: set it to available to get tickets."),
        (Status.WRAP_UP, "Your status is wrap_up: set it to available to get tickets."),
    ],
)
async def test_who_is_not_available_is_told_at_once(status: Status, sentence: str):
    store = FakeClaims()
    ada = await store.agent()
    await store.queue(a_requirement())
    await store.declare(ada, status)
    async with serving(store) as claims:
        with pytest.raises(Refused) as caught:
            await claims.next(ada, LONG)
    assert str(caught.value) == sentence


async def test_who_is_drained_is_told_at_once():
    store = FakeClaims()
    ada = await store.agent()
    await store.drain(ada)
    async with serving(store) as claims:
        with pytest.raises(Refused, match="draining"):
            await claims.next(ada, LONG)


async def test_who_becomes_unavailable_while_waiting_is_told():
    store = FakeClaims()
    ada, grace = await store.agent(), await store.agent()
    async with serving(store) as claims:
        asking, other = await parked(claims, store, ada), await parked(claims, store, grace)
        await store.declare(ada, Status.AWAY)
        claims.wake()
        with pytest.raises(Refused, match="away"):
            await asking
        assert not other.done()


async def test_who_leaves_the_only_team_while_waiting_is_told():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        asking = await parked(claims, store, ada)
        await store.leave(ada)
        claims.wake()
        with pytest.raises(Refused, match="in no team"):
            await asking


async def test_the_end_of_a_token_ends_the_wait_and_the_ticket_goes_to_a_colleague():
    store = FakeClaims()
    ada, grace = await store.agent(), await store.agent()
    token = await store.token(ada)
    async with serving(store) as claims:
        ended, other = await parked(claims, store, ada, token), await parked(claims, store, grace)
        await store.revoke(token)
        ticket_id = await store.queue(a_requirement())
        claims.wake()
        with pytest.raises(TokenEnded):
            await ended
        assert (await other).lease.ticket_id == ticket_id


async def test_what_nobody_has_seen_is_not_shown_to_a_token_that_has_ended():
    store = FakeClaims()
    ada, ticket_id = await store.agent(), await store.queue(a_requirement())
    token = await store.token(ada)
    async with serving(store) as claims:
        await claims.next(ada, NO_WAIT)
        await store.revoke(token)
        with pytest.raises(TokenEnded):
            await claims.next(ada, NO_WAIT, token)
        assert (await claims.next(ada, NO_WAIT, await store.token(ada))).lease.ticket_id == ticket_id


async def test_an_agent_with_a_second_token_waits_on_with_that_one():
    store = FakeClaims()
    ada = await store.agent()
    tokens = [await store.token(ada) for _ in range(2)]
    async with serving(store) as claims:
        ended, other = [await parked(claims, store, ada, token) for token in tokens]
        await store.revoke(tokens[0])
        claims.wake()
        with pytest.raises(TokenEnded):
            await ended
        ticket_id = await store.queue(a_requirement())
        claims.wake()
        assert (await other).lease.ticket_id == ticket_id


async def test_when_the_lane_stops_whoever_waits_gets_nothing():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        asking = await parked(claims, store, ada)
    assert await asking is None


async def test_once_ended_nobody_is_kept_waiting():
    store = FakeClaims()
    ada = await store.agent()
    async with serving(store) as claims:
        asking = await parked(claims, store, ada)
        claims.end()
        assert await asking is None
        assert await claims.next(ada, LONG) is None


async def test_assignments_are_counted_once_with_their_wait():
    store = FakeClaims()
    ada = await store.agent()
    await store.queue(a_requirement(queue="billing"), due_in=timedelta(hours=1))
    registry = CollectorRegistry()
    async with serving(store, registry=registry) as claims:
        await claims.next(ada, NO_WAIT)
        await claims.next(ada, NO_WAIT)
    where = {"queue": "billing", "channel": "email"}
    assert registry.get_sample_value("router_tickets_answered_total", {**where, "within_target": "true"}) == 1
    assert registry.get_sample_value("router_queue_wait_seconds_sum", where) == 1800


@pytest.mark.parametrize(("due_after_min", "within_target"), [(31, "true"), (29, "false")])
async def test_an_assignment_after_its_due_time_missed_the_target(due_after_min: int, within_target: str):
    store = FakeClaims()
    ada = await store.agent()
    await store.queue(a_requirement(queue="billing"), due_in=timedelta(minutes=due_after_min))
    registry = CollectorRegistry()
    async with serving(store, registry=registry) as claims:
        await claims.next(ada, NO_WAIT)
    labels = {"queue": "billing", "channel": "email", "within_target": within_target}
    assert registry.get_sample_value("router_tickets_answered_total", labels) == 1
