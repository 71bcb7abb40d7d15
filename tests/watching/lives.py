"""Lives of tickets, as the states that they went through."""

from collections.abc import Iterable
from itertools import pairwise

from router.domain.ticket import ARROWS, TicketState


def illegal_changes(states: Iterable[str]) -> list[tuple[str, str]]:
    """The changes, from a new ticket on, that no arrow allows; what leaves the state as it was is no change."""
    life = pairwise([TicketState.NEW, *map(TicketState, states)])
    return [(before, after) for before, after in life if after not in {before, *ARROWS[before]}]
