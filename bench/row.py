"""What every benchmark gets and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Administrators' URLs of the servers that a benchmark may use. It makes its own database or virtual host there."""

    database_url: str
    amqp_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: `ratio` says how many times better ours is, whether more or less of the unit is better.

    `p99_ms` is the 99th percentile of how long ours took, if measured.
    """

    name: str
    ours: float
    reference: float
    ratio: float
    unit: str
    p99_ms: float | None = None


def faster(
    name: str, ours: Sequence[float], reference: Sequence[float], unit: str, *, p99_ms: float | None = None
) -> Row:
    """Compare rates by their medians; more is better."""
    return Row(
        name=name,
        ours=round(median(ours), 1),
        reference=round(median(reference), 1),
        ratio=round(median(ours) / median(reference), 2),
        unit=unit,
        p99_ms=p99_ms and round(p99_ms, 1),
    )
