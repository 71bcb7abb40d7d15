"""Claims by 200 agents on 100,000 waiting tickets, in one group and in 240, compared with one claim per request.

`claim_vs_per_request` compares with requests that keep the same promises as ours, since only they could replace it:
safe to repeat, one ticket at a time however many clients an agent has, never over capacity. `_vs_bare_statement`
shows what these promises cost: it compares with a single statement that keeps none of them. All sides take turns on
equally filled tables. `bench.serving` says what each side does.
"""

from datetime import timedelta

from bench import serving
from bench.burst import Plan, Run, bursts, compared, show
from bench.floor import MANY_GROUPS, ONE_GROUP, Shape, floor, refill
from bench.row import Row, Services
from bench.serving import Side
from router.domain.capacity import Capacity

WAITING = 100_000
ROUNDS = 3
CARRIED = Capacity(limit=10, weights={}, most={})
"""As many as an agent takes in a burst, so that everybody is full at its end."""

NO_WAIT = timedelta(0)
SHAPES = {"": ONE_GROUP, "_240": MANY_GROUPS}


async def run(services: Services) -> list[Row]:
    """Measure claims per second in one group and in 240, each against both references."""
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
        return await bursts(url, lambda agent: answering.next(agent, NO_WAIT), plan)
