"""What moved a ticket, step by step: who did it, when, why, and from where to where, each also as a sentence."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from router.domain.customer import AgentId
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketState
from router.flow.see.pages import Happening
from router.flow.see.records import Records, actor_id

_HELD = frozenset({TicketState.OFFERED, TicketState.ASSIGNED, TicketState.WRAP_UP})
_TALK = frozenset({HistoryKind.RECEIVE, HistoryKind.REPLY, HistoryKind.NOTE})
_ROLES = {"admin": "an admin", "cli": "an operator", "intake": "intake", "timers": "the timers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a ticket is: the queue that it waits or waited in, and the agent who has it or whom it is kept for."""

    state: TicketState
    queue: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of a ticket's place. `by` is a name for people, `actor` that of the history; `words` say all of it.

    `why` is what somebody wrote about it: the note of a move, or the reason for closing.
    """

    at: datetime
    kind: str
    reason: str | None
    actor: str
    by: str
    was: Place
    now: Place
    why: str | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line of the history with what is needed to say it: places, and names for ids."""

    event: Happening
    was: Place
    now: Place
    by: str
    why: str | None
    name: Callable[[Any], str]

    @property
    def data(self) -> Mapping[str, Any]:
        return self.event.data


Sentence: TypeAlias = Callable[[Told], str]


def told(records: Records) -> list[Told]:
    """Return every line of the history with the ticket's places before and after it."""
    name, place, lines = _naming(records), Place(state=TicketState.NEW), []
    for event in records.events:
        now, by, why = _after(place, event, name), _by(event.actor, records), _why(event, records)
        lines.append(Told(event=event, was=place, now=now, by=by, why=why, name=name))
        place = now
    return lines


def steps(lines: Sequence[Told]) -> list[Step]:
    """Return what changed the ticket's place; messages, replies and notes that left it there are no steps."""
    return [_step(line) for line in lines if line.event.kind not in _TALK or _moved(line)]


def _moved(line: Told) -> bool:
    return (line.was.state, line.was.queue) != (line.now.state, line.now.queue)


def sentence(line: Told) -> str:
    """Say what happened, as `Agent Ada moved it from queue general to queue expert.`"""
    kind, reason = line.event.kind, line.data.get("reason")
    say = _SENTENCES.get((kind, reason)) or _SENTENCES.get((kind, None)) or _plainly
    words = say(line)
    return f"{words[0].upper()}{words[1:]}"


def spell(span: timedelta) -> str:
    """Return a time as people say it: `12 s`, `5 min`, `2 h 10 min`, `3 d 4 h`."""
    seconds = round(span.total_seconds())
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit} {rest} {smaller}" if rest else f"{seconds // size} {unit}"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def moment(at: datetime) -> str:
    """Return a point in time as all explanations write it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _step(line: Told) -> Step:
    event = line.event
    return Step(
        at=event.at,
        kind=event.kind,
        reason=event.data.get("reason"),
        actor=event.actor,
        by=line.by,
        was=line.was,
        now=line.now,
        why=line.why,
        words=sentence(line),
    )


def _naming(records: Records) -> Callable[[Any], str]:
    """Name agents by their ids; one whom the viewer may not see has only a number."""
    return lambda id_: records.names.get(AgentId(id_), f"agent {id_}") if id_ is not None else "nobody"


def _by(actor: str, records: Records) -> str:
    id_ = actor_id(actor)
    if id_ is None:
        return _ROLES.get(actor, actor)
    return f"{actor.partition(':')[0]} {records.names.get(AgentId(id_), id_)}"


def _after(was: Place, event: Happening, name: Callable[[Any], str]) -> Place:
    state, data = event.state, event.data
    return Place(state=state, queue=data.get("queue") or was.queue, agent=_agent_after(was, event, name))


def _agent_after(was: Place, event: Happening, name: Callable[[Any], str]) -> str | None:
    given = event.data.get("agent")
    match event.kind:
        case HistoryKind.OFFER | HistoryKind.QUEUE | HistoryKind.REASSIGN:
            return None if given is None else name(given)
        case HistoryKind.ACCEPT:
            return name(actor_id(event.actor))
        case _ if event.state in _HELD or _is_kept(was, event):
            return was.agent
        case _:
            return None


def _is_kept(was: Place, event: Happening) -> bool:
    """Whether a ticket that waits is still reserved for the same agent after this."""
    return was.state == event.state and event.data.get("reason") != HistoryReason.RESERVATION_OVER


def _why(event: Happening, records: Records) -> str | None:
    if "why" in event.data:
        return str(event.data["why"])
    note = records.said.get(event.data.get("note", 0))
    return note.text if note else None


def _plainly(line: Told) -> str:
    reason = line.data.get("reason")
    said = f" ({_spaced(reason)})" if reason else ""
    return f"{line.by}: {_spaced(line.event.kind)}{said}."


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _from_to(line: Told) -> str:
    held = {
        TicketState.OFFERED: f", where it was offered to {line.was.agent},",
        TicketState.ASSIGNED: f", where {line.was.agent} had it,",
        TicketState.SNOOZED: ", where it was snoozed,",
    }
    return f"from queue {line.was.queue}{held.get(line.was.state, '')} {_to(line)}"


def _to(line: Told) -> str:
    queue = line.now.queue
    place = f"to queue {queue}" if queue != line.was.queue else f"back into queue {queue}"
    return f"{place}, for {line.now.agent} first" if line.now.agent else place


def _moved_by(line: Told) -> str:
    if line.event.actor.startswith("agent:"):
        return f"{line.by} moved it from queue {line.was.queue} {_to(line)}."
    return f"{line.by} moved it {_from_to(line)}."


def _undone(line: Told) -> str:
    return f"{line.by} took back the last move: {_from_to(line)}, with the times that it had there."


def _reopened(line: Told) -> str:
    what = "the customer wrote again after it had ended" if line.event.actor == "intake" else f"{line.by} reopened it"
    return f"{what}: a new wait began, {_waits(line)}."


def _woken(line: Told) -> str:
    if line.event.actor == "intake":
        return f"the customer wrote, which ended its snooze: a new wait began, {_waits(line)}."
    if line.event.actor == "timers":
        return f"the time of its snooze was over: a new wait began, {_waits(line)}."
    return f"{line.by} merged another ticket into it, which ended its snooze: a new wait began, {_waits(line)}."


def _waits(line: Told) -> str:
    return f"in queue {line.now.queue}" + (f", for {line.now.agent} first" if line.now.agent else "")


def _relaxed(line: Told) -> str:
    was, now = line.data.get("was") or {}, line.data
    changes = ", ".join(_changes(was, now)) or "nothing changed"
    return f"it had waited long, so step {now.get('steps')} of its route was taken: {changes}."


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if dropped := [skill for skill in was.get("skills", ()) if skill not in now.get("skills", ())]:
        yield f"it no longer asks for {' and '.join(dropped)}"
    if was.get("queue") != now.get("queue"):
        yield f"it moved from queue {was.get('queue')} to queue {now.get('queue')}"
    if was.get("due_at") != now.get("due_at"):
        yield f"it is due at {moment(datetime.fromisoformat(now['due_at']))}"


def _accepted(line: Told) -> str:
    waited = spell(timedelta(seconds=line.data.get("waited_s") or 0))
    if "after_s" in line.data:
        how = f"accepted the offer within {spell(timedelta(seconds=line.data['after_s']))}"
    elif line.data.get("reason") == HistoryReason.PICKED:
        how = f"chose it from queue {line.was.queue}"
    else:
        first = ", which was kept for them" if line.data.get("is_reserved") else ""
        how = f"asked for the next ticket and got this one from queue {line.was.queue}{first}"
    return f"{line.by} {how}; it had waited {waited}."


def _snoozed(line: Told) -> str:
    until = line.data.get("until")
    by = f"until {moment(datetime.fromisoformat(until))}, or " if until else ""
    return f"{line.by} put it aside {by}until the customer writes."


def _merged(line: Told) -> str:
    if "into" in line.data:
        return f"{line.by} merged it into ticket {line.data['into']}, which goes on."
    return f"{line.by} merged ticket {line.data.get('merged')} into it."


def _released(words: str) -> Sentence:
    def say(line: Told) -> str:
        had = "was offered it" if line.was.state is TicketState.OFFERED else "had it"
        return f"{words.format(by=line.by, agent=line.was.agent, had=had)} It waits at the place that it had."

    return say


_SENTENCES: Mapping[tuple[str, str | None], Sentence] = {
    (HistoryKind.RECEIVE, None): lambda line: f"the customer wrote, so {line.now.agent} has it again.",
    (HistoryKind.QUEUE, HistoryReason.NEW): lambda line: (
        f"a message began it, and route {line.data.get('route')} put it into queue {line.now.queue}."
    ),
    (HistoryKind.QUEUE, HistoryReason.REOPENED): _reopened,
    (HistoryKind.QUEUE, HistoryReason.WOKEN): _woken,
    (HistoryKind.QUEUE, HistoryReason.TRANSFERRED): _moved_by,
    (HistoryKind.REASSIGN, HistoryReason.REASSIGNED): _moved_by,
    (HistoryKind.REASSIGN, HistoryReason.UNDONE): _undone,
    (HistoryKind.RELAX, HistoryReason.STEP): _relaxed,
    (HistoryKind.RELAX, HistoryReason.RESERVATION_OVER): lambda line: (
        f"it is no longer kept for {line.name(line.data.get('agent'))}, who had the time or cannot take it now."
    ),
    (HistoryKind.OFFER, None): lambda line: f"it was offered to {line.now.agent}, from queue {line.now.queue}.",
    (HistoryKind.ACCEPT, None): _accepted,
    (HistoryKind.DECLINE, None): _released("{by} declined the offer."),
    (HistoryKind.EXPIRE, None): _released("{agent} did not answer the offer in time."),
    (HistoryKind.RELEASE, HistoryReason.NOT_AVAILABLE): _released("{agent}, who {had}, cannot take it any more."),
    (HistoryKind.RELEASE, HistoryReason.AGENT_LOST): _released("{agent}, who {had}, gave no sign of life any more."),
    (HistoryKind.RELEASE, HistoryReason.REQUEUED): _released("{by} took it from {agent}, who {had}."),
    (HistoryKind.SNOOZE, None): _snoozed,
    (HistoryKind.WRAP_UP, None): lambda line: f"{line.by} ended the contact, and has work left to do after it.",
    (HistoryKind.RESOLVE, None): lambda line: f"{line.by} resolved it.",
    (HistoryKind.RESOLVE, HistoryReason.FINISHED): lambda line: f"{line.by} ended the wrap-up, which resolved it.",
    (HistoryKind.RESOLVE, HistoryReason.WRAP_UP_OVER): lambda line: (
        f"the wrap-up of {line.was.agent} lasted as long as it may, so it is resolved."
    ),
    (HistoryKind.RESOLVE, HistoryReason.AGENT_LOST): lambda line: (
        f"{line.was.agent} gave no sign of life any more in the wrap-up, so it is resolved."
    ),
    (HistoryKind.RESOLVE, HistoryReason.CLOSED): lambda line: (
        f"{line.by} closed what waited in queue {line.was.queue}."
    ),
    (HistoryKind.RESOLVE, HistoryReason.ERASED): lambda line: f"{line.by} erased the customer, so it ended.",
    (HistoryKind.MERGE, None): _merged,
    (HistoryKind.ABANDON, HistoryReason.LEFT): lambda _: "the channel said that the customer has gone.",
    (HistoryKind.ABANDON, HistoryReason.BY_HAND): lambda line: f"{line.by} said that the customer has gone.",
}
