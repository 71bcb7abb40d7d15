"""What every benchmark is given and what it gives back."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The servers that a benchmark may use: administrators' URLs. It makes its own database or virtual host there."""

    database_url: str
    amqp_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: `ratio` says how many times better ours is, whichever direction is better for the unit."""

    name: str
    ours: float
    reference: float
    ratio: float
    unit: str


def faster(name: str, ours: list[float], reference: list[float], unit: str) -> Row:
    """Compare rates, where more is better, by their medians."""
    return Row(
        name=name,
        ours=round(median(ours), 1),
        reference=round(median(reference), 1),
        ratio=round(median(ours) / median(reference), 2),
        unit=unit,
    )
