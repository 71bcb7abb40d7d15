"""What the metrics say is what the database holds, and nothing is exported twice."""

from typing import Any

from aiohttp import ClientSession

from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, until
from tests.clients.command_line import Serving, serving

CUSTOMERS = 5


async def test_totals_are_those_of_the_database_once_all_is_quiet(frontdesk: Frontdesk):
    grace = await frontdesk.agent()
    for number in (*range(18), 0, 1):
        await frontdesk.publish_json(a_message(str(number), f"c{number % CUSTOMERS}"))
    await frontdesk.publish_json(a_message("17", "somebody-else"))
    await frontdesk.publish(b"{", "message.v1")
    await frontdesk.has_taken_in(22)
    while (given := await grace.post("/v1/me/next")).status == 200:
        path = f"/v1/tickets/{given.json['ticket']['id']}"
        await grace.post(f"{path}/reply", lease=given.json["lease"], json={"text": "Yes."})
        await grace.post(f"{path}/resolve", lease=given.json["lease"])
        await frontdesk.next_reply()

    count = frontdesk.counted
    assert await rows(frontdesk, "received") == 18
    assert count("router_messages_received_total", outcome="queued") == await rows(frontdesk, "ticket") == CUSTOMERS
    assert count("router_messages_received_total", outcome="continued") == 18 - CUSTOMERS
    assert count("router_messages_received_total", outcome="duplicate") == 2
    assert count("router_messages_unprocessable_total") == await rows(frontdesk, "unprocessable") == 2
    assert count("router_ingest_lag_seconds_count") == 0  # these integrations stamp no time
    assert count("router_tickets_queued_total") == await rows(frontdesk, "ticket_event where kind = 'queue'")
    assert count("router_tickets_answered_total") == CUSTOMERS
    assert count("router_queue_wait_seconds_count") == CUSTOMERS
    assert count("router_first_reply_seconds_count") == CUSTOMERS
    resolved = await rows(frontdesk, "ticket where state = 'resolved'")
    assert count("router_tickets_resolved_total") == resolved == CUSTOMERS
    await until(lambda: nothing_waits(frontdesk))


async def test_of_two_processes_one_exports_the_queues_and_the_other_takes_over(settings: Settings):
    with serving("timers", settings) as first:
        assert await until(lambda: exporters(first)) == [first]
        with serving("timers", settings) as second:
            await until(lambda: has_looked(second))
            assert await exporters(first, second) == [first]
            first.stop()
            assert await until(lambda: exporters(second)) == [second]


async def test_what_only_intake_counts_begins_at_zero_there_and_nowhere_else(settings: Settings):
    with serving("intake", settings) as intake, serving("timers", settings) as timers:
        taken_in, kept_time = await metrics(intake), await metrics(timers)
    for series in (
        'router_messages_received_total{channel="sms",outcome="duplicate"}',
        'router_messages_unprocessable_total{channel="unknown",stage="receive"}',
        'router_messages_unprocessable_total{channel="email",stage="process"}',
        'router_transaction_retries_total{reason="batch_failed"}',
        'router_stage_seconds_count{stage="record"}',
    ):
        assert f"{series} 0.0\n" in taken_in
        assert series not in kept_time
    assert len([line for line in taken_in.splitlines() if not line.startswith("#")]) < 400


async def exporters(*processes: Serving) -> list[Serving]:
    """Those that export the gauges of the queues now."""
    return [process for process in processes if "router_queue_waiting_tickets{" in await metrics(process)]


async def has_looked(process: Serving) -> bool:
    return 'router_loop_last_success_timestamp_seconds{loop="gauges"}' in await metrics(process)


async def metrics(process: Serving) -> str:
    async with ClientSession(process.address) as session, session.get("/metrics") as answer:
        return await answer.text()


async def nothing_waits(frontdesk: Frontdesk) -> bool:
    gauges = ("router_queue_waiting_tickets", "router_queue_longest_wait_seconds", "router_outbox_pending_messages")
    return not any(frontdesk.counted(gauge) for gauge in gauges)


def a_message(id_: str, customer: str) -> dict[str, Any]:
    return {
        "id": id_,
        "channel": "chat",
        "provider": "webchat",
        "account": "shop.example",
        "from": {"kind": "user", "value": customer},
        "sent_at": "2026-03-01T09:30:00Z",
        "text": f"Hello? {id_}",
    }


async def rows(frontdesk: Frontdesk, of: str) -> int:
    (row,) = await frontdesk.process.deployment.database.fetch("test", f"select count(*) as rows from {of}")
    return int(row["rows"])
