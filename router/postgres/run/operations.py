"""What a deployment's processes share in the database: switches, secrets, duties, gauges and policy versions."""

import secrets
from collections.abc import Mapping

from router.domain.errors import NotFound
from router.flow.run.gauges import OutboxState, QueueState
from router.postgres.database import Database
from router.postgres.statements import load

SQL = load("run/operations")


class PostgresOperations:
    """Implements `Gauges` and `Duties` of `router.flow.run`; the composition root passes on the other methods."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_on(self, switch: str) -> bool:
        rows = await self._database.fetch("switch", SQL["read_switch"], switch)
        if not rows:
            raise NotFound(f"There is no switch named {switch}.")
        return bool(rows[0]["is_on"])

    async def turn(self, switch: str, *, on: bool) -> None:
        await self._database.execute("switch", SQL["turn_switch"], switch, on)

    async def secret(self, name: str) -> bytes:
        """Return the deployment's secret of that name: 32 random bytes, made on first use, shared by all processes."""
        await self._database.execute("secret", SQL["make_secret"], name, secrets.token_bytes(32))
        return bytes((await self._database.fetch("secret", SQL["read_secret"], name))[0]["value"])

    async def remember_policy(self, version: str, text: str) -> None:
        await self._database.execute("policy", SQL["remember_policy"], version, text)

    async def take_duty(self, name: str, holder: str, *, seconds: float) -> bool:
        return bool(await self._database.fetch("duty", SQL["take_duty"], name, holder, seconds))

    async def lay_down_duty(self, name: str, holder: str) -> None:
        await self._database.execute("duty", SQL["lay_down_duty"], name, holder)

    async def queues(self) -> Mapping[str, QueueState]:
        rows = await self._database.fetch("gauges", SQL["measure_queues"])
        return {
            row["queue"]: QueueState(
                waiting=row["waiting"], longest_wait_s=float(row["longest_wait_s"]), overdue=row["overdue"]
            )
            for row in rows
        }

    async def outbox(self) -> OutboxState:
        (row,) = await self._database.fetch("gauges", SQL["measure_outbox"])
        return OutboxState(pending=row["pending"], oldest_s=float(row["oldest_s"]))
