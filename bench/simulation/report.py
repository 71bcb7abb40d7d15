"""A year in the simulated center, below full load and with overloaded days, compared with other orders."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from statistics import fmean
from typing import TypeAlias

from rich.box import SIMPLE
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from bench.row import Row, Services
from bench.simulation.center import KINDS, MONDAY, busy_center
from bench.simulation.clock import DUE_FIRST, FIRST_COME, ORDERS, STRICT_PRIORITY, Answered, simulate

DAYS = 364
SEED = 20260105
BELOW = (0.75,)
RUSHES = (0.75,) * 8 + (1.25,) * 2 + (0.75,) * 4
"""Shares of full load, per day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The results of one class: its waits, and the share answered within the target (the service level)."""

    count: int
    target: timedelta
    mean: timedelta
    p95: timedelta
    longest: timedelta
    in_time: float

    @classmethod
    def of(cls, answers: Sequence[Answered]) -> "Waits":
        waited = sorted(answer.waited for answer in answers)
        return cls(
            count=len(waited),
            target=answers[0].arrival.routing.target,
            mean=sum(waited, timedelta()) / len(waited),
            p95=waited[int(0.95 * len(waited))],
            longest=waited[-1],
            in_time=fmean(answer.is_in_time for answer in answers),
        )


ByKind: TypeAlias = Mapping[str, Waits]


def simulated(order: str, load: Sequence[float], *, days: int = DAYS, seed: int = SEED) -> Sequence[Answered]:
    """Return each ticket's result. Only load, days and seed decide what arrives, so it is the same for every order."""
    center = busy_center()
    arrivals = center.arrivals(days=days, load=load, random=Random(seed))
    return simulate(center, arrivals, ORDERS[order], Random(seed))


def of_rushes(answers: Iterable[Answered]) -> list[Answered]:
    """Return the tickets that arrived on an overloaded day."""
    return [answer for answer in answers if RUSHES[(answer.arrival.at - MONDAY).days % len(RUSHES)] > 1]


def by_kind(answers: Iterable[Answered]) -> ByKind:
    """Return the results of each class, in the order of their targets."""
    of_kind: dict[str, list[Answered]] = {kind.name: [] for kind in KINDS}
    for answer in answers:
        of_kind[answer.arrival.kind.name].append(answer)
    return {name: Waits.of(answers) for name, answers in of_kind.items()}


async def run(_: Services) -> list[Row]:
    """Print the report, and return its two main numbers as rows beside the other benchmarks."""
    above = report(Console(width=100))
    short, longest = {}, {}
    for order, kinds in above.items():
        short[order] = round(100 * kinds["short"].in_time, 1)
        longest[order] = round(_longest(kinds) / timedelta(hours=1), 1)
    return [
        Row(
            name="rush_short_in_time_vs_first_come",
            ours=short[DUE_FIRST],
            reference=short[FIRST_COME],
            ratio=round(short[DUE_FIRST] / short[FIRST_COME], 2),
            unit="%",
        ),
        Row(
            name="rush_longest_wait_vs_strict_priority",
            ours=longest[DUE_FIRST],
            reference=longest[STRICT_PRIORITY],
            ratio=round(longest[STRICT_PRIORITY] / longest[DUE_FIRST], 2),
            unit="h",
        ),
    ]


def report(console: Console) -> Mapping[str, ByKind]:
    """Simulate both years and print them; return each class's results in the rushes, by order."""
    below = by_kind(simulated(DUE_FIRST, BELOW))
    above = {order: by_kind(of_rushes(simulated(order, RUSHES))) for order in ORDERS}
    console.print(_table(f"A year at {BELOW[0]:.0%} of full load", {DUE_FIRST: below}))
    console.print(_table(f"What came in rushes: two days of every fortnight at {max(RUSHES):.0%}", above))
    console.print(Padding(_what_happens(below, above), (1, 0)), width=100, highlight=False)
    return above


def _table(title: str, orders: Mapping[str, ByKind]) -> Table:
    table = Table("class", "target", "order", title=title, title_justify="left", box=SIMPLE)
    for heading in ("tickets", "mean wait", "p95", "longest", "in time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for kind in KINDS:
        for order, kinds in orders.items():
            waits = kinds[kind.name]
            times = map(_length, (waits.mean, waits.p95, waits.longest))
            table.add_row(kind.name, _length(waits.target), order, f"{waits.count:,}", *times, f"{waits.in_time:.1%}")
        table.add_section()
    return table


def _what_happens(below: ByKind, above: Mapping[str, ByKind]) -> str:
    """Say in words what happens to whom, with the tables' numbers."""
    due_first, first_come, strict = above[DUE_FIRST], above[FIRST_COME], above[STRICT_PRIORITY]
    latest = max(waits.longest - waits.target for waits in below.values())
    return (
        f"Below full load nobody starves: nobody is answered later than {_length(latest)} after the target. In a rush,"
        f" due first makes everybody late by about the same amount: the average waits of {_mean(due_first, 'short')}"
        f" for short messages, {_mean(due_first, 'mail')} for mails and {_mean(due_first, 'complex')} for complex"
        " queries differ about as their targets do, and nobody waits longer than"
        f" {_length(_longest(due_first))}. First come makes everybody wait the same ({_mean(first_come, 'mail')}), and"
        f" the short targets pay for it: {_in_time(first_come, 'short')} of the short messages are in time (due first:"
        f" {_in_time(due_first, 'short')}). Strict priority keeps {_in_time(strict, 'short')} of them in time, and the"
        f" last class pays for everybody: complex queries wait {_mean(strict, 'complex')} on average and up to"
        f" {_length(strict['complex'].longest)}, because whatever arrives meanwhile goes first, however long that"
        " lasts. Chats are offered to people of their own in every order; those that overflow wait with the others."
    )


def _in_time(kinds: ByKind, kind: str) -> str:
    return f"{kinds[kind].in_time:.0%}"


def _mean(kinds: ByKind, kind: str) -> str:
    return _length(kinds[kind].mean)


def _longest(kinds: ByKind) -> timedelta:
    return max(waits.longest for waits in kinds.values())


def _length(time: timedelta) -> str:
    """Return a length of time as people say it, in the largest unit that fits at least once."""
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if time >= length:
            return f"{time / length:.1f} {unit}"
    return f"{time.total_seconds():.0f} s"
