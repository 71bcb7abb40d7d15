"""What the histories of tickets prove: legal changes only, one holder at a time, and a new lease for each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router.domain.ticket import ARROWS, TicketState

_GIVES = {"offer", "accept"}
_MOVES = _GIVES | {"queue", "decline", "expire", "release", "snooze", "wrap_up", "resolve", "abandon"}
_STATES_HELD = {TicketState.OFFERED, TicketState.ASSIGNED, TicketState.WRAP_UP}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A ticket as its history has it."""

    state: TicketState = TicketState.NEW
    holder: int | None = None
    epoch: int = 0


class Log:
    """Follows all histories, line after line."""

    def __init__(self) -> None:
        self.tickets: dict[int, Standing] = {}

    def enter(self, events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Take these lines in; says what is wrong with each."""
        for event in events:
            before = self.tickets.get(event["ticket_id"], Standing())
            after = _after(before, event)
            yield from (f"{wrong}: {before} to {after} by {event}" for wrong in _problems(before, after, event))
            self.tickets[event["ticket_id"]] = after


def _after(before: Standing, event: Mapping[str, Any]) -> Standing:
    state, data = TicketState(event["state"]), event["data"]
    if event["kind"] == "offer":
        return Standing(state=state, holder=data["agent"], epoch=data["lease_epoch"])
    if event["kind"] == "accept":
        agent_id = int(event["actor"].removeprefix("agent:"))
        return Standing(state=state, holder=agent_id, epoch=data["lease_epoch"])
    return Standing(state=state, holder=before.holder if state in _STATES_HELD else None, epoch=before.epoch)


def _problems(before: Standing, after: Standing, event: Mapping[str, Any]) -> Iterator[str]:
    if after.state not in {before.state, *ARROWS[before.state]}:
        yield "no arrow"
    if event["kind"] in _MOVES and after.state is before.state:
        yield "no change"
    if event["kind"] in _GIVES and before.holder not in {None, after.holder}:
        yield "two holders"
    if event["kind"] in _GIVES and after.epoch <= before.epoch:
        yield "no new lease"
    if (after.holder is None) == (after.state in _STATES_HELD):
        yield "a holder is missing, or one too many"
