"""The relay: replies reach the bus in order, at least once, and one bad conversation holds up no other."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import BusUnavailable
from router.flow.run import outbox as flow
from router.flow.run.bus import Exchange
from router.flow.run.outbox import OutboxEntry, Relay
from router.metrics import Metrics
from tests.fakes.outbox import FakeOutbox
from tests.fakes.publisher import FakePublisher

DEADLINE_S = 5


def an_outbox(*replies: tuple[int, bytes]) -> FakeOutbox:
    """Conversation and body of each reply, oldest first."""
    return FakeOutbox(
        [
            (
                conversation_id,
                OutboxEntry(
                    id=id_, routing_key="sms.x", format="reply.v1", account="+49", message_id=f"m{id_}", body=body
                ),
            )
            for id_, (conversation_id, body) in enumerate(replies, start=1)
        ]
    )


def a_relay(store: FakeOutbox, publisher: FakePublisher) -> Relay:
    return Relay(store=store, publisher=publisher, metrics=Metrics(CollectorRegistry()))


async def test_each_round_hands_over_one_reply_a_conversation_in_order():
    store, publisher = an_outbox((1, b"1a"), (1, b"1b"), (2, b"2a")), FakePublisher()
    relay = a_relay(store, publisher)
    assert [await relay.relay() for _ in range(3)] == [2, 1, 0]
    assert [publication.body for publication in publisher.published] == [b"1a", b"2a", b"1b"]
    assert store.entries == []


async def test_a_reply_keeps_its_address_and_its_id():
    publisher = FakePublisher()
    await a_relay(an_outbox((1, b"1a")), publisher).relay()
    [publication] = publisher.published
    assert (publication.exchange, publication.routing_key, publication.format) == (
        Exchange.OUTBOUND,
        "sms.x",
        "reply.v1",
    )
    assert (publication.account, publication.message_id) == ("+49", "m1")


async def test_what_the_bus_refuses_stays_while_the_others_go():
    store, publisher = an_outbox((1, b"1a"), (2, b"2a")), FakePublisher(refused={b"1a"})
    with pytest.raises(BusUnavailable):
        await a_relay(store, publisher).relay()
    assert [publication.body for publication in publisher.published] == [b"2a"]
    assert [entry.body for _, entry in store.entries] == [b"1a"]


async def test_a_reply_that_fails_for_its_own_sake_is_counted_and_holds_up_no_other():
    store, publisher = an_outbox((1, b"1a"), (2, b"2a"), (1, b"1b")), FakePublisher(odd={b"1a"})
    metrics = Metrics(CollectorRegistry())
    relay = Relay(store=store, publisher=publisher, metrics=metrics)
    assert [await relay.relay() for _ in range(2)] == [1, 0]
    assert [publication.body for publication in publisher.published] == [b"2a"]
    assert [entry.body for _, entry in store.entries] == [b"1a", b"1b"]
    assert metrics.registry.get_sample_value("router_replies_failed_total") == 2


async def test_an_outage_of_the_bus_is_waited_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "OUTAGE_S", 0)
    monkeypatch.setattr(flow, "IDLE_S", 0)
    sent = asyncio.Event()

    class Recovering(FakePublisher):
        async def publish(self, publication) -> None:
            try:
                await super().publish(publication)
                sent.set()
            finally:
                self.refused.clear()

    running = asyncio.create_task(a_relay(an_outbox((1, b"1a")), Recovering(refused={b"1a"})).run())
    async with asyncio.timeout(DEADLINE_S):
        await sent.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
