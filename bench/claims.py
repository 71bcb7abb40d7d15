"""Claims by 200 agents on 100,000 waiting tickets, in one group and in 240, beside claims of one request at a time.

`claim_vs_per_request` compares with requests that keep the same promises as ours, because only they could take its
place: safe to repeat, one ticket at a time however many clients an agent has, never over capacity. `_vs_bare_statement`
says what these promises cost: it compares with a single statement that keeps none of them. All are measured in turns
on equally filled tables. `bench.serving` says what each side does.
"""

from datetime import timedelta
from statistics import median

from bench import burst, serving
from bench.burst import Plan, Run
from bench.floor import MANY_GROUPS, ONE_GROUP, Shape, floor, refill
from bench.row import Row, Services, faster
from bench.serving import Side
from router.domain.capacity import Capacity

WAITING = 100_000
ROUNDS = 3
CARRIED = Capacity(limit=10, weights={}, most={})
"""As many as an agent takes in a burst, so that everybody is full in its end."""

LONG = timedelta(seconds=5)
SHAPES = {"": ONE_GROUP, "_240": MANY_GROUPS}


async def run(services: Services) -> list[Row]:
    """Claims per second in one group and in 240, each beside both references."""
    return [row for suffix, shape in SHAPES.items() for row in await _compare(services, suffix, shape)]


async def _compare(services: Services, suffix: str, shape: Shape) -> list[Row]:
    runs: dict[Side, list[Run]] = {serving.lane: [], serving.per_request: [], serving.bare_statement: []}
    async with floor(services.database_url, shape, waiting=0) as url:
        for _ in range(ROUNDS):
            for side, measured in runs.items():
                await refill(url, WAITING)
                measured.append(await measure(url, side, CARRIED, Plan()))
    for side, measured in runs.items():
        show(f"{side.__name__}{suffix}", measured)
    ours, whole, bare = runs.values()
    return [
        compared(f"claim_vs_per_request{suffix}", ours, whole),
        compared(f"claim_vs_bare_statement{suffix}", ours, bare),
    ]


async def measure(url: str, side: Side, capacity: Capacity, plan: Plan) -> Run:
    """Measure one side."""
    async with side(url, capacity) as answering:
        return await burst.measure(url, lambda agent: answering.next(agent, LONG), plan)


def compared(name: str, ours: list[Run], reference: list[Run]) -> Row:
    """Compare by the medians of the rates, and say how long claims of ours took."""
    p99_ms = percentiles_ms(ours)[1]
    return faster(name, [run.rate for run in ours], [run.rate for run in reference], "claims/s", p99_ms=p99_ms)


def percentiles_ms(runs: list[Run]) -> tuple[float, float]:
    """The median and the 99th percentile: the medians of the runs' own."""
    p50s, p99s = zip(*(run.percentiles_ms for run in runs), strict=True)
    return median(p50s), median(p99s)


def show(name: str, runs: list[Run]) -> None:
    p50, p99 = percentiles_ms(runs)
    print(f"{name}: {median(run.rate for run in runs):,.0f} claims/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
