#!/usr/bin/env python3
"""Writes the JSON from which Grafana draws the dashboard of queues and waits: `python deploy/grafana/dashboard.py`.

Counters and histograms are summed over processes; what describes the whole deployment is exported by one process at a
time and taken as a maximum, so that nothing counts twice while that duty changes hands.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parent / "dashboards" / "queues-and-waits.json"
WIDTH = 24
STAT_HEIGHT, GRAPH_HEIGHT = 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: `queries` are expressions by legend; `unit` is Grafana's name of it."""

    title: str
    description: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


def rate(metric: str, *, by: str, where: str = "", over: str = "$__rate_interval") -> str:
    """What happens per second, over all processes."""
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}(rate({metric}{where}[{over}]))"


def percentile(share: float, metric: str, *, by: str = "", where: str = "", over: str = "$__rate_interval") -> str:
    """The value that this share of observations stays under, over all processes."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', by=labels, where=where, over=over)})"


def service_level(*, by: str = "") -> str:
    """Answered within the target, of all answered within the last hour; 0 where all were late."""
    answered = rate("router_tickets_answered_total", by=by, over="1h")
    in_time = rate("router_tickets_answered_total", by=by, where='{within_target="true"}', over="1h")
    return f"({in_time} or 0 * {answered}) / ({answered} > 0)"


def mean(metric: str, *, by: str = "", over: str = "$__rate_interval") -> str:
    """Sum through count, over all processes."""
    return f"{rate(f'{metric}_sum', by=by, over=over)} / ({rate(f'{metric}_count', by=by, over=over)} > 0)"


NOW = Row(
    "Now",
    (
        Panel(
            title="Waiting",
            description="Tickets that wait for an agent, in all queues.",
            queries={"waiting": "sum(max by (queue) (router_queue_waiting_tickets))"},
            kind="stat",
            width=4,
        ),
        Panel(
            title="Longest wait",
            description="Age of the oldest wait in any queue.",
            queries={"longest": "max(router_queue_longest_wait_seconds)"},
            unit="s",
            kind="stat",
            width=4,
        ),
        Panel(
            title="Overdue",
            description="Waiting tickets that are past their target.",
            queries={"overdue": "sum(max by (queue) (router_queue_overdue_tickets))"},
            kind="stat",
            width=4,
        ),
        Panel(
            title="Service level",
            description="Share of tickets answered within their target, of those answered in the last hour.",
            queries={"within target": service_level()},
            unit="percentunit",
            kind="stat",
            width=4,
        ),
        Panel(
            title="Mean time to answer",
            description="From the beginning of a wait to its assignment, for tickets answered in the last hour.",
            queries={"mean": mean("router_queue_wait_seconds", over="1h")},
            unit="s",
            kind="stat",
            width=4,
        ),
        Panel(
            title="Files in use",
            description="1 if every process uses the file as it stands now, 0 if it has a mistake.",
            queries={
                "policy": "min(router_policy_last_reload_successful)",
                "accounts": "min(router_accounts_last_reload_successful)",
            },
            kind="stat",
            width=4,
        ),
    ),
)

QUEUES = Row(
    "Queues",
    (
        Panel(
            title="Waiting by queue",
            description="Tickets that wait for an agent.",
            queries={"{{queue}}": "max by (queue) (router_queue_waiting_tickets)"},
        ),
        Panel(
            title="Longest wait by queue",
            description="Age of the oldest wait.",
            queries={"{{queue}}": "max by (queue) (router_queue_longest_wait_seconds)"},
            unit="s",
        ),
        Panel(
            title="Overdue by queue",
            description="Waiting tickets that are past their target.",
            queries={"{{queue}}": "max by (queue) (router_queue_overdue_tickets)"},
        ),
        Panel(
            title="Waits begun",
            description="Waits begun per second: tickets new, reopened, transferred, reassigned or woken.",
            queries={"{{queue}} {{reason}}": rate("router_tickets_queued_total", by="queue, reason")},
            unit="cps",
        ),
        Panel(
            title="Answered",
            description="Tickets assigned to an agent per second.",
            queries={"{{queue}}": rate("router_tickets_answered_total", by="queue")},
            unit="cps",
        ),
        Panel(
            title="Ended",
            description="Tickets resolved per second, and those whose customer left before.",
            queries={
                "{{queue}}": rate("router_tickets_resolved_total", by="queue"),
                "{{queue}} abandoned": rate("router_tickets_abandoned_total", by="queue"),
            },
            unit="cps",
        ),
    ),
)

WAITS = Row(
    "Waits",
    (
        Panel(
            title="Service level by queue",
            description="Share of tickets answered within their target, over the last hour.",
            queries={"{{queue}}": service_level(by="queue")},
            unit="percentunit",
            width=6,
        ),
        Panel(
            title="Wait, all queues",
            description="From the beginning of a wait to its assignment, for tickets assigned in the last 15 minutes.",
            queries={
                f"p{share * 100:g}": percentile(share, "router_queue_wait_seconds", over="15m")
                for share in (0.5, 0.9, 0.99)
            },
            unit="s",
            width=6,
        ),
        Panel(
            title="Wait by queue, 90th percentile",
            description="Nine in ten of the tickets assigned in the last 15 minutes had waited less.",
            queries={"{{queue}}": percentile(0.9, "router_queue_wait_seconds", by="queue", over="15m")},
            unit="s",
            width=6,
        ),
        Panel(
            title="First reply",
            description="From a ticket's first message to the first reply by a person.",
            queries={
                f"p{share * 100:g}": percentile(share, "router_first_reply_seconds", over="15m") for share in (0.5, 0.9)
            },
            unit="s",
            width=6,
        ),
    ),
)

OFFERS = Row(
    "Offers",
    (
        Panel(
            title="Offers by outcome",
            description="Offers of push queues that ended, per second: accepted, declined, expired, withdrawn.",
            queries={"{{queue}} {{outcome}}": rate("router_offers_total", by="queue, outcome")},
            unit="cps",
            width=12,
        ),
        Panel(
            title="Time to accept",
            description="From the offer of a ticket to its acceptance, for those accepted in the last 15 minutes.",
            queries={
                f"p{share * 100:g}": percentile(share, "router_offer_accept_seconds", over="15m")
                for share in (0.5, 0.9, 0.99)
            },
            unit="s",
            width=12,
        ),
    ),
)

INTAKE = Row(
    "Intake",
    (
        Panel(
            title="Received by channel",
            description="Messages taken in per second, duplicates included.",
            queries={"{{channel}}": rate("router_messages_received_total", by="channel")},
            unit="cps",
        ),
        Panel(
            title="What became of them",
            description="Messages per second by outcome: a new ticket, one continued, a duplicate, one attached …",
            queries={"{{outcome}}": rate("router_messages_received_total", by="outcome")},
            unit="cps",
        ),
        Panel(
            title="Webhooks of providers",
            description="Requests per second, by what became of them: accepted, refused, or to be sent again.",
            queries={"{{provider}} {{outcome}}": rate("router_webhooks_total", by="provider, outcome")},
            unit="cps",
            width=4,
        ),
        Panel(
            title="Duplicates",
            description="Messages per second that had been received before and changed nothing.",
            queries={
                "{{channel}}": rate("router_messages_received_total", by="channel", where='{outcome="duplicate"}')
            },
            unit="cps",
            width=4,
        ),
        Panel(
            title="Unprocessable",
            description="Payloads kept for `frontdesk unprocessable`, by channel and by the stage that refused them.",
            queries={"{{channel}} {{stage}}": "sum by (channel, stage) (router_messages_unprocessable_total)"},
        ),
        Panel(
            title="Ingest lag",
            description="Time from the integration's publishing to the committed ticket.",
            queries={f"p{share * 100:g}": percentile(share, "router_ingest_lag_seconds") for share in (0.5, 0.99)},
            unit="s",
        ),
        Panel(
            title="Batch size",
            description="Messages that shared one transaction: 1 when idle, up to the cap under load.",
            queries={
                "mean": mean("router_intake_batch_messages"),
                "p99": percentile(0.99, "router_intake_batch_messages"),
            },
        ),
        Panel(
            title="Stages",
            description="Time that a batch spends in each stage, 90th percentile.",
            queries={"{{stage}}": percentile(0.9, "router_stage_seconds", by="stage")},
            unit="s",
        ),
        Panel(
            title="Consumers",
            description="Intake processes that should consume, and consumers that the broker knows.",
            queries={
                "expected": "sum(router_consumers_expected)",
                "actual": "max(router_consumers_actual)",
            },
        ),
        Panel(
            title="Repeated transactions",
            description="Per second, by why they were repeated.",
            queries={"{{reason}}": rate("router_transaction_retries_total", by="reason")},
            unit="cps",
        ),
        Panel(
            title="Held",
            description="Messages set aside without a ticket: how many there are, in one hour by reason, and released.",
            queries={
                "held now": "max(router_held_messages)",
                "{{reason}}": "sum by (reason) (increase(router_messages_held_total[1h]))",
                "released": "sum(increase(router_messages_released_total[1h]))",
            },
            width=24,
        ),
    ),
)

MACHINERY = Row(
    "Machinery",
    (
        Panel(
            title="Transactions",
            description="By flow, 95th percentile: waiting for a connection, and all that happens until the end of the "
            "transaction. In `outbox` the broker confirms meanwhile.",
            queries={"{{flow}}": percentile(0.95, "router_database_seconds", by="flow")},
            unit="s",
            width=6,
        ),
        Panel(
            title="Waiting in the broker",
            description="Messages for intake, dead letters, and replies that no sender has fetched.",
            queries={"{{broker_queue}}": "max by (broker_queue) (router_broker_ready_messages)"},
            width=6,
        ),
        Panel(
            title="Broker time",
            description="Until it confirmed a publication or took an acknowledgement, 95th percentile.",
            queries={"{{operation}}": percentile(0.95, "router_broker_seconds", by="operation")},
            unit="s",
            width=6,
        ),
        Panel(
            title="HTTP",
            description="Time to answer by endpoint, 95th percentile. Without `next`: it waits for a ticket.",
            queries={
                "{{method}} {{endpoint}}": percentile(
                    0.95, "router_http_request_seconds", by="method, endpoint", where='{endpoint!="/v1/me/next"}'
                )
            },
            unit="s",
            width=6,
        ),
        Panel(
            title="Streams",
            description="Clients of agents that are connected, and the 95th percentile of a look at them all, in ms.",
            queries={
                "connected": "sum(router_streams_connected)",
                "look, ms": f"1000 * {percentile(0.95, 'router_stream_poll_seconds')}",
            },
            width=WIDTH,
        ),
        Panel(
            title="Replies waiting for the broker",
            description="Replies in the outbox, and how many times one could not be handed over in the last hour.",
            queries={
                "pending": "max(router_outbox_pending_messages)",
                "failed": "sum(increase(router_replies_failed_total[1h]))",
            },
        ),
        Panel(
            title="Oldest reply waiting for the broker",
            description="Age of the oldest reply in the outbox.",
            queries={"oldest": "max(router_outbox_oldest_seconds)"},
            unit="s",
        ),
        Panel(
            title="Loops",
            description="Time since each background loop last did its work, in each process.",
            queries={"{{loop}} {{instance}}": "time() - router_loop_last_success_timestamp_seconds"},
            unit="s",
        ),
    ),
)

ROWS = (NOW, QUEUES, WAITS, OFFERS, INTAKE, MACHINERY)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    panels = [{"id": number, **panel} for number, panel in enumerate(_laid_out(), start=1)]
    return {
        "uid": "frontdesk-queues",
        "title": "Queues and waits",
        "tags": ["frontdesk"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "graphTooltip": 1,
        "panels": panels,
    }


def _laid_out() -> Iterator[dict[str, Any]]:
    y = 0
    for row in ROWS:
        yield {"type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": _place(0, y, WIDTH, 1)}
        y += 1
        x = 0
        for panel in row.panels:
            height = STAT_HEIGHT if panel.kind == "stat" else GRAPH_HEIGHT
            yield {**_drawn(panel), "gridPos": _place(x, y, panel.width, height)}
            x += panel.width
            if x == WIDTH:
                x, y = 0, y + height


def _drawn(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": reference, "expr": expression, "legendFormat": legend}
            for reference, (legend, expression) in zip("ABC", panel.queries.items(), strict=False)
        ],
    }


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


if __name__ == "__main__":
    DASHBOARD.write_text(json.dumps(dashboard(), indent=2) + "\n")
