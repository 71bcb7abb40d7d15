"""The simulated contact center: its policy, its people and their shifts, and who writes when.

All chance comes from the `random` that is passed in. `clock` plays out what happens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp, log
from pathlib import Path
from random import Random

from channels.message import Channel
from router.decide.route import route
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.domain.triage import Complexity, Facts, Routing
from router.policy.model import Policy
from router.policy.parse import parse_policy

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
SHIFT = timedelta(hours=8)
GERMAN = 0.2
"""The share of customers who write German."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A class of tickets: its `share` of all tickets; the handle time is lognormal with median `handle`."""

    name: str
    channel: Channel
    share: float
    handle: timedelta
    spread: float = 0.6
    complexity: Complexity = Complexity.SIMPLE
    tier: str | None = None

    def facts(self, language: str) -> Facts:
        return Facts(channel=self.channel, complexity=self.complexity, tier=self.tier, language=language)

    @property
    def mean_handle(self) -> timedelta:
        return self.handle * exp(self.spread**2 / 2)

    def draw_handle(self, random: Random) -> timedelta:
        return timedelta(seconds=round(random.lognormvariate(log(self.handle.total_seconds()), self.spread), 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An agent who works eight hours from `starts_at` (the hour of the day), except on the weekdays `off` (0 to 6)."""

    profile: Profile
    starts_at: int
    off: frozenset[int] = frozenset()

    def shifts(self) -> Iterator[datetime]:
        """Yield the start of each shift, from the night before the first Monday on."""
        start = MONDAY + timedelta(hours=self.starts_at, days=-1)
        while True:
            if start.weekday() not in self.off:
                yield start
            start += timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A future ticket, and how long it will take any agent who gets it."""

    at: datetime
    kind: Kind
    routing: Routing
    handle: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Center:
    """Who writes and who answers. `hours` and `weekdays` are shares of a day and a week: when customers write."""

    policy: Policy
    staff: Sequence[Member]
    kinds: Sequence[Kind]
    hours: Sequence[float] = field(default=(1,) * 24)
    weekdays: Sequence[float] = field(default=(1,) * 7)

    @property
    def full_load(self) -> float:
        """Return how many tickets a week keep the shifts fully busy."""
        work = sum((kind.share * kind.mean_handle * self._weight(kind) for kind in self.kinds), timedelta())
        carried = sum(self._limit(member) * (7 - len(member.off)) for member in self.staff) * SHIFT
        return carried / work

    def arrivals(self, *, days: int, load: Sequence[float], random: Random) -> Iterator[Arrival]:
        """Yield Poisson arrivals for `days` days from a Monday on, in order.

        `load` is the share of full load on each day; after the last entry it starts again.
        """
        routing = {kind.name: [route(kind.facts(code), self.policy) for code in ("en", "de")] for kind in self.kinds}
        for hour in range(24 * days):
            begin = MONDAY + timedelta(hours=hour)
            rate = load[hour // 24 % len(load)] * self._hourly(begin)
            for at in _poisson(begin, rate, random):
                (kind,) = random.choices(self.kinds, [kind.share for kind in self.kinds])
                yield Arrival(
                    at=at,
                    kind=kind,
                    routing=routing[kind.name][random.random() < GERMAN],
                    handle=kind.draw_handle(random),
                )

    def _hourly(self, begin: datetime) -> float:
        """Return how many tickets come in this hour at full load."""
        of_week = self.weekdays[begin.weekday()] / sum(self.weekdays)
        return self.full_load * of_week * self.hours[begin.hour] / sum(self.hours)

    def _limit(self, member: Member) -> int:
        return member.profile.capacity(self.policy.assignment.capacity).limit

    def _weight(self, kind: Kind) -> int:
        return self.policy.assignment.capacity.weight(kind.channel)


def _poisson(begin: datetime, rate: float, random: Random) -> Iterator[datetime]:
    """Yield the arrival times in one hour. Each hour can start afresh: the exponential distribution has no memory."""
    after = random.expovariate(rate)
    while after < 1:
        yield begin + timedelta(hours=after)
        after += random.expovariate(rate)


KINDS = (
    Kind(name="chat", channel=Channel.CHAT, share=0.28, handle=timedelta(minutes=12)),
    Kind(name="short", channel=Channel.SMS, share=0.25, handle=timedelta(minutes=8)),
    Kind(name="vip", channel=Channel.EMAIL, share=0.05, handle=timedelta(minutes=20), tier="vip"),
    Kind(name="mail", channel=Channel.EMAIL, share=0.35, handle=timedelta(minutes=20)),
    Kind(
        name="complex",
        channel=Channel.EMAIL,
        share=0.07,
        handle=timedelta(minutes=45),
        complexity=Complexity.COMPLEX,
    ),
)


def busy_center() -> Center:
    """Return a center with realistic teams, skills, languages, limits and shifts; most people work by day."""
    return Center(
        policy=parse_policy((Path(__file__).parent / "policy.yaml").read_text()),
        staff=list(_staff()),
        kinds=KINDS,
        hours=[2, 1, 1, 1, 1, 2, 5, 8, 11, 13, 13, 12, 11, 12, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3],
        weekdays=[11, 12, 10, 10, 10, 6, 5],
    )


def _staff() -> Iterator[Member]:
    teams = 6 * [{"live"}] + 11 * [{"frontline"}] + 11 * [{"frontline", "specialists"}]
    for place, of_agent in enumerate(teams):
        skills = Skills(
            levels={"key-accounts": 4} if place % 3 == 0 else {},
            languages=frozenset({"en", "de"} if place % 2 else {"en"}),
        )
        yield Member(
            profile=Profile(
                name=f"agent-{place}", teams=frozenset(of_agent), skills=skills, limit=_LIMITS[place % len(_LIMITS)]
            ),
            starts_at=_STARTS[place % len(_STARTS)],
            off=_DAYS_OFF[place % len(_DAYS_OFF)],
        )


_LIMITS = (4, 4, 6, 4, 2, 4, 4)
_STARTS = (6, 14, 9, 12, 22)
_DAYS_OFF = (
    frozenset({5, 6}),
    frozenset({5, 6}),
    frozenset({0, 6}),
    frozenset({4, 5}),
    frozenset({2, 3}),
    frozenset({6}),
)
