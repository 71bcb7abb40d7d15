"""`python -m bench [NAME…]` runs the benchmarks and prints a table; a run of all of them writes `bench/latest.json`."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import uvloop
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench import backlog, claims, claims_http, intake, relaxing
from bench.row import Row, Services
from bench.simulation import report as simulation
from router.command import logs
from router.local.memory import settle_memory

BENCHMARKS: dict[str, Callable[[Services], Awaitable[list[Row]]]] = {
    "intake": intake.run,
    "claims": claims.run,
    "claim_vs_per_request_1m": backlog.against_requests,
    "claim_1m_vs_1k": backlog.against_a_thousand,
    "claim_http_vs_per_request": claims_http.run,
    "claim_p99_while_relaxing": relaxing.claims,
    "simulation": simulation.run,
}
LATEST = Path(__file__).parent / "latest.json"


async def main(names: list[str]) -> None:
    services = Services(
        database_url=os.environ["FRONTDESK_TEST_DATABASE_URL"], amqp_url=os.environ.get("FRONTDESK_TEST_AMQP_URL")
    )
    logs.configure(level="error", format="json")  # else each claim prints a line
    settle_memory()  # like every process of the product
    rows = [row for name in names for row in await BENCHMARKS[name](services)]
    if names == list(BENCHMARKS):  # a partial file would look as if the other benchmarks were gone
        LATEST.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    Console().print(table(rows))


def table(rows: list[Row]) -> Table:
    shown = Table("benchmark", "ours", "reference", "ratio", "unit", "p99 ms", box=SIMPLE, padding=0)
    for row in rows:
        p99_ms = "" if row.p99_ms is None else f"{row.p99_ms:,}"
        shown.add_row(row.name, f"{row.ours:,}", f"{row.reference:,}", f"{row.ratio:.2f}x", row.unit, p99_ms)
    return shown


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:] or list(BENCHMARKS)))
