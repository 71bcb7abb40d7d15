"""Every change of a ticket's place has a sentence of its own, and one that is new is told plainly."""

from datetime import timedelta
from typing import Any

import pytest

from router.domain.history import LEADS_TO, HistoryKind
from router.domain.ticket import TicketState
from router.domain.triage import Complexity
from router.flow.see.pages import Happening
from router.flow.see.records import Records
from router.flow.see.steps import spell, steps, told
from tests.making.moments import NOON
from tests.watching.history_table import documented

MOVING = [row for row in documented() if row.kind not in {"receive", "reply", "note"}]
SAMPLES: dict[str, Any] = {
    "agent": 1, "holder": 1, "queue": "general", "from": "general", "steps": 1, "waited_s": 3.0, "after_s": 2.0,
    "into": 8, "merged": 9, "until": NOON.isoformat(), "due_at": NOON.isoformat(), "skills": [], "route": "rest",
    "was": {"queue": "expert", "skills": ["german"], "due_at": (NOON + timedelta(1)).isoformat()},
}  # fmt: skip


def records(*events: Happening) -> Records:
    return Records(
        customer_id=1,
        customer_name=None,
        complexity=Complexity.SIMPLE,
        reasons=(),
        events=events,
        names={1: "Ada"},
        said={},
        policies={},
    )


def happening(kind: str, state: TicketState, actor: str = "agent:1", **data: Any) -> Happening:
    return Happening(at=NOON, kind=kind, state=state, actor=actor, data=data)


ACTORS = {"agent": "agent:1", "lead": "lead:1"}


@pytest.mark.parametrize("row", MOVING, ids=lambda row: f"{row.kind} {row.reason} by {'+'.join(sorted(row.actors))}")
def test_every_line_that_moves_a_ticket_has_a_sentence(row: Any):
    """If this fails for a line that you add: give it a sentence in `router/flow/see/steps.py: _SENTENCES`."""
    data = {key: SAMPLES.get(key, "x") for key in row.data | row.perhaps} | (
        {"reason": row.reason} if row.reason else {}
    )
    for actor in row.actors:
        held = happening("accept", TicketState.ASSIGNED, queue="general", waited_s=1.0)
        state = next(iter(row.states), TicketState.QUEUED)
        line = happening(row.kind, TicketState(state), ACTORS.get(actor, actor), **data)
        *_, step = steps(told(records(held, line)))
        assert step.words.endswith(".")
        assert step.words[0].isupper()
        assert "None" not in step.words
        assert ": " not in step.words or not step.words.startswith(f"{step.by.capitalize()}: ")


def test_a_line_that_nobody_foresaw_is_told_plainly():
    [step] = steps(told(records(happening("put_on_hold", TicketState.QUEUED, "lead:1", reason="too_loud"))))
    assert step.words == "Lead Ada: put on hold (too loud)."


def test_an_agent_whom_the_viewer_may_not_see_has_only_a_number():
    [step] = steps(told(records(happening("resolve", TicketState.RESOLVED, "agent:2"))))
    assert step.words == "Agent 2 resolved it."


def test_messages_and_notes_that_leave_a_ticket_where_it_is_are_no_steps():
    began = happening("queue", TicketState.QUEUED, "intake", reason="new", queue="general", route="rest")
    talk = [happening(kind, TicketState.QUEUED) for kind in ("receive", "note", "reply")]
    assert [step.kind for step in steps(told(records(began, *talk)))] == ["queue"]


def test_a_message_in_the_wrap_up_is_a_step():
    wrap_up = happening("wrap_up", TicketState.WRAP_UP, queue="general")
    heard = happening("receive", TicketState.ASSIGNED, "intake", message=1)
    accepted = happening("accept", TicketState.ASSIGNED, queue="general", waited_s=1.0)
    assert steps(told(records(accepted, wrap_up, heard)))[-1].words == "The customer wrote, so Ada has it again."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (61, "1 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (90000, "1 d 1 h"),
        (172800, "2 d"),
    ],
)
def test_times_are_spelled_as_people_say_them(seconds: float, words: str):
    assert spell(timedelta(seconds=seconds)) == words


def test_every_kind_that_leads_somewhere_is_documented():
    assert {row.kind for row in MOVING} >= set(LEADS_TO) - {HistoryKind.RECEIVE}
