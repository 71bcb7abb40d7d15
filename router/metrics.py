"""Every metric, in one table. The caller passes the registry; labels come only from closed sets.

The role that does the work exports its counters and histograms. Only the `timers` process that holds the duty exports
the gauges of queues, so that nothing counts twice however many processes run.
"""

from collections.abc import Iterable
from functools import partial
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

WAIT_BUCKETS = (1, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
FAST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ACCEPT_BUCKETS = (0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120)
LAG_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def begin_at_zero(metric: Counter | Histogram, *labels: Iterable[str]) -> None:
    """Create the series of every combination of values, because `rate` misses the event that starts a series."""
    for values in product(*labels):
        metric.labels(*values)


class Metrics:
    """The metrics of one process. Units: seconds, bytes, counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)  # start, memory, CPU time and open files of this process
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        duration = partial(histogram, buckets=FAST_BUCKETS)
        wait = partial(histogram, buckets=WAIT_BUCKETS)

        # intake
        self.received = counter(
            "router_messages_received_total", "Messages taken in, by outcome.", ["channel", "outcome"]
        )
        self.unprocessable = counter(
            "router_messages_unprocessable_total",
            "Payloads kept as unprocessable, by the stage that refused them.",
            ["channel", "stage"],
        )
        self.ingest_lag = histogram(
            "router_ingest_lag_seconds",
            "Time from the integration's publishing to the committed ticket.",
            buckets=LAG_BUCKETS,
        )
        self.batch_size = histogram(
            "router_intake_batch_messages", "Messages in one transaction.", buckets=BATCH_BUCKETS
        )
        self.stage = duration("router_stage_seconds", "Time that a batch spent in a stage.", ["stage"])
        self.retries = counter("router_transaction_retries_total", "Transactions repeated, by reason.", ["reason"])
        self.queued = counter(
            "router_tickets_queued_total",
            "Waits that started, by reason: new, reopened, transferred, reassigned or woken tickets.",
            ["queue", "channel", "reason"],
        )
        # desk
        self.answered = counter(
            "router_tickets_answered_total",
            "Tickets assigned to an agent, by whether that was within the target.",
            ["queue", "channel", "within_target"],
        )
        self.wait = wait(
            "router_queue_wait_seconds", "Time from the start of the wait to the assignment.", ["queue", "channel"]
        )
        self.first_reply = wait(
            "router_first_reply_seconds",
            "Time from the ticket's first message to the first human reply.",
            ["queue", "channel"],
        )
        self.resolved = counter(
            "router_tickets_resolved_total",
            "Contacts that agents and leads ended, including merges; one that goes on later counts again when it ends.",
            ["queue", "channel"],
        )
        self.abandoned = counter(
            "router_tickets_abandoned_total",
            "Tickets whose customer left before they were resolved, as a message or an agent said.",
            ["queue", "channel"],
        )
        # streams
        self.streams = gauge("router_streams_connected", "Open streams from this process to agents.")
        self.stream_poll = duration(
            "router_stream_poll_seconds",
            "Time to read what all connected agents have in hand, and to find what is new.",
        )
        # offers, by whoever ended them: `api`, `intake` or `timers`
        self.offers = counter(
            "router_offers_total",
            "Offers that ended, by outcome: accepted, declined, expired or withdrawn.",
            ["queue", "outcome"],
        )
        self.time_to_accept = histogram(
            "router_offer_accept_seconds",
            "Time from the offer of a ticket to its acceptance.",
            ["queue"],
            buckets=ACCEPT_BUCKETS,
        )
        # timers, by the holder of the duty
        self.waiting = gauge("router_queue_waiting_tickets", "Tickets waiting in a queue.", ["queue"])
        self.longest_wait = gauge("router_queue_longest_wait_seconds", "Age of the oldest wait in a queue.", ["queue"])
        self.overdue = gauge("router_queue_overdue_tickets", "Waiting tickets past their target.", ["queue"])
        self.outbox_age = gauge("router_outbox_oldest_seconds", "Age of the oldest reply not yet published to the bus.")
        self.outbox_pending = gauge("router_outbox_pending_messages", "Replies not yet published to the bus.")
        # deliver
        self.replies_failed = counter(
            "router_replies_failed_total",
            "Failed attempts to publish a reply that the bus cannot take; the reply stays in the outbox.",
        )
        # every process
        self.database = duration(
            "router_database_seconds",
            "Time from asking for a connection to the end of the transaction; for `outbox` it includes publishing.",
            ["flow"],
        )
        self.broker = duration(
            "router_broker_seconds", "Time until the bus confirmed a publication or an acknowledgement.", ["operation"]
        )
        self.consumers_expected = gauge(
            "router_consumers_expected", "Consumers that this process should have on the bus."
        )
        self.consumers_actual = gauge(
            "router_consumers_actual", "Consumers of the inbound queue, as the bus reports them."
        )
        self.broker_ready = gauge(
            "router_broker_ready_messages",
            "Messages that wait in a broker queue, as each intake process sees it.",
            ["broker_queue"],
        )
        self.loop_success = gauge(
            "router_loop_last_success_timestamp_seconds", "Time when a background loop last succeeded.", ["loop"]
        )
        self.policy_reload = gauge(
            "router_policy_last_reload_successful",
            "1 if the current policy file is in use, 0 if it could not be loaded.",
        )
        self.requests = duration(
            "router_http_request_seconds",
            "Time to answer a request, by endpoint as declared and class of status (2xx).",
            ["endpoint", "method", "status"],
        )
