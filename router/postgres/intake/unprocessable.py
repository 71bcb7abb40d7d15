"""Payloads kept as unprocessable, for the operator."""

from collections.abc import Sequence
from dataclasses import fields

from router.flow.intake.unprocessable import Kept
from router.flow.run.bus import Delivery
from router.postgres.database import Database
from router.postgres.statements import load

SQL = load("intake/unprocessable")
_KEPT = tuple(field.name for field in fields(Kept))


class PostgresUnprocessable:
    """Implements `router.flow.intake.unprocessable.UnprocessableStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, limit: int, *, before: int | None, pending: bool) -> Sequence[Kept]:
        rows = await self._database.fetch("unprocessable", SQL["newest"], limit, before, pending)
        return [Kept(**row) for row in rows]

    async def payload(self, id_: int) -> tuple[Kept, Delivery] | None:
        rows = await self._database.fetch("unprocessable", SQL["payload"], id_)
        if not rows:
            return None
        (row,) = rows
        delivery = Delivery(
            body=row["body"],
            format=row["format"],
            account=row["account"],
            trace_id=row["trace_id"],
            routing_key=row["routing_key"],
        )
        return Kept(**{name: row[name] for name in _KEPT}), delivery

    async def replayed(self, id_: int) -> None:
        await self._database.execute("unprocessable", SQL["replayed"], id_)
