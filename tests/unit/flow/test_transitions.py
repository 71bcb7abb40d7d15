"""What follows from a transition: it is counted where it belongs, and has one line in the log."""

from collections.abc import Iterable, Mapping

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.history import LEADS_TO, HistoryKind, HistoryReason
from router.domain.ticket import ARROWS, TicketId, TicketState
from router.flow.assign.claims import Assignment
from router.flow.run.transitions import Transitions, Turned
from router.metrics import Metrics

PLACE = {"queue": "general", "channel": "chat"}


def turned(state: TicketState) -> Turned:
    return Turned(TicketId(4711), state, AgentId(7), **PLACE)


def counted(registry: CollectorRegistry) -> set[tuple[str, str]]:
    """The counters that have risen, each with the label that says more than the place."""
    return {
        (sample.name, _label(sample.labels))
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }


def _label(labels: Mapping[str, str]) -> str:
    return "".join(value for label, value in labels.items() if label not in PLACE)


def offer(outcome: str) -> tuple[str, str]:
    return "router_offers_total", outcome


def wait(reason: str) -> tuple[str, str]:
    return "router_tickets_queued_total", reason


RESOLVED, ABANDONED = ("router_tickets_resolved_total", ""), ("router_tickets_abandoned_total", "")


@pytest.mark.parametrize(
    ("kind", "reason", "was", "counts"),
    [
        ("queue", "new", "new", [wait("new")]),
        ("queue", "reopened", "resolved", [wait("reopened")]),
        ("queue", "woken", "snoozed", [wait("woken")]),
        ("queue", "transferred", "assigned", [wait("transferred")]),
        ("reassign", "reassigned", "queued", [wait("reassigned")]),
        ("reassign", "reassigned", "offered", [wait("reassigned"), offer("withdrawn")]),
        ("reassign", "undone", "offered", [offer("withdrawn")]),
        ("relax", "step", "queued", []),
        ("offer", None, "queued", []),
        ("decline", None, "offered", [offer("declined")]),
        ("expire", None, "offered", [offer("expired")]),
        ("release", "not_available", "offered", [offer("withdrawn")]),
        ("release", "agent_lost", "offered", [offer("withdrawn")]),
        ("release", "agent_lost", "assigned", []),
        ("snooze", None, "assigned", []),
        ("receive", None, "wrap_up", []),
        ("wrap_up", None, "assigned", [RESOLVED]),
        ("resolve", "finished", "wrap_up", []),
        ("resolve", None, "assigned", [RESOLVED]),
        ("resolve", "closed", "queued", [RESOLVED]),
        ("merge", None, "assigned", [RESOLVED]),
        ("abandon", "left", "queued", [ABANDONED]),
        ("abandon", "left", "offered", [ABANDONED, offer("withdrawn")]),
    ],
)
def test_a_transition_counts_for_what_it_begins_and_for_what_it_ends(
    kind: str, reason: str | None, was: str, counts: Iterable[tuple[str, str]]
):
    registry, before = CollectorRegistry(), turned(TicketState(was))
    why = HistoryReason(reason) if reason else None
    with capture_logs() as lines:
        Transitions(Metrics(registry)).report(HistoryKind(kind), before, by="timers", reason=why)
    assert counted(registry) == set(counts)
    [line] = lines
    assert (line["ticket_id"], line["queue"], line["kind"], line.get("reason")) == (4711, "general", kind, reason)


def test_an_offer_counts_in_the_queue_where_it_was_made_and_the_new_wait_where_it_begins():
    registry = CollectorRegistry()
    transitions = Transitions(Metrics(registry))
    with capture_logs() as lines:
        transitions.report(
            HistoryKind.REASSIGN, turned(TicketState.OFFERED), by="lead:1", reason=HistoryReason.REASSIGNED, to="expert"
        )
    waits = {"queue": "expert", "channel": "chat", "reason": "reassigned"}
    assert registry.get_sample_value("router_tickets_queued_total", waits) == 1
    assert registry.get_sample_value("router_offers_total", {"queue": "general", "outcome": "withdrawn"}) == 1
    assert lines[0]["queue"] == "expert"


def test_tickets_that_come_to_agents_are_counted_with_their_waits_and_have_a_line_each():
    registry = CollectorRegistry()
    given = [
        Assignment(agent_id=AgentId(n), lease=Lease(TicketId(n), 1), **PLACE, waited_s=9.0, met_target=n > 1)
        for n in (1, 2, 3)
    ]
    with capture_logs() as lines:
        Transitions(Metrics(registry)).assigned(*given)
    assert [(line["event"], line["ticket_id"], line["by"]) for line in lines] == [
        ("ticket assigned", n, f"agent:{n}") for n in (1, 2, 3)
    ]
    answered = {
        met: registry.get_sample_value("router_tickets_answered_total", {**PLACE, "within_target": met})
        for met in ("true", "false")
    }
    assert answered == {"true": 2, "false": 1}
    assert registry.get_sample_value("router_queue_wait_seconds_sum", PLACE) == 27


def test_an_accepted_offer_counts_as_an_offer_too():
    registry = CollectorRegistry()
    ticket = Assignment(agent_id=AgentId(7), lease=Lease(TicketId(1), 2), **PLACE, waited_s=9.0, met_target=True)
    Transitions(Metrics(registry)).accepted(ticket, after_s=2.0)
    assert registry.get_sample_value("router_offers_total", {"queue": "general", "outcome": "accepted"}) == 1
    assert registry.get_sample_value("router_offer_accept_seconds_sum", {"queue": "general"}) == 2


def test_every_transition_leads_where_some_arrow_leads():
    ends = frozenset().union(*ARROWS.values())
    assert set(LEADS_TO.values()) <= ends
    assert set(HistoryKind) - LEADS_TO.keys() == {HistoryKind.REPLY, HistoryKind.NOTE}, (
        "router/domain/history.py: LEADS_TO has every kind except those that leave a ticket in its state"
    )
