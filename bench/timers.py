"""`python -m bench.timers URL`: runs only the ticket timers, in their own process as in a deployment.

Prints one line once they run, and runs them until it is stopped.
"""

import asyncio
import sys

import uvloop
from prometheus_client import CollectorRegistry

from router.command import logs
from router.flow.assign.timers import TicketTimers
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.assign.timers import PostgresTimers
from router.postgres.database import connected

POLICY = parse_policy("""
assignment: {grace: 24h}
teams: {team0: {takes: any}}
queues: {queue0: {team: team0}}
routes:
  - name: everything
    queue: queue0
    skills: [skill0]
    target: 1h
    relax: [{after: 10m, drop_skills: true, target: 5m}]
triage: {bias: -1}
""")
"""Every ticket of `bench.floor` takes this route; no agent is lost while the benchmark runs."""


async def main(url: str) -> None:
    logs.configure(level="error", format="json")
    metrics = Metrics(CollectorRegistry())
    async with connected(url, metrics, size=2, name="timers") as database, asyncio.TaskGroup() as tasks:
        timers = TicketTimers(store=PostgresTimers(database), policy=lambda: POLICY, metrics=metrics)
        for loop in timers.loops().values():
            tasks.create_task(loop)
        print("running", flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
