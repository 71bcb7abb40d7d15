"""The situations of all connected agents, from PostgreSQL in one statement."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

import asyncpg
from pydantic import TypeAdapter

from router.domain.agent import Status, TokenId
from router.domain.capacity import Capacity
from router.flow.see.situation import Declared, HeldTicket, Load, Situation
from router.postgres.agent_rows import cause_of
from router.postgres.database import Database
from router.postgres.statements import load

SQL = load("see/stream")
_TICKETS = TypeAdapter(tuple[HeldTicket, ...])


class PostgresStream:
    """Reads as the role that sees every ticket; the statement limits each agent to their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def situations(self, tokens: Collection[TokenId], capacity: Capacity) -> dict[TokenId, Situation]:
        rows = await self._database.fetch("stream", SQL["situations"], tokens)
        return {row["token_id"]: _situation(row, capacity) for row in rows}


def _situation(row: asyncpg.Record, capacity: Capacity) -> Situation:
    held = _held(row["held"] or "[]")
    own = capacity.adjusted(limit=row["capacity"], weights=json.loads(row["weights"]), most={})
    return Situation(presence=_declared(row), capacity=_load(held.values(), own), held=held)


# Most agents hold the same from one look to the next: parsing it again would take most of a look's time.
@lru_cache(maxsize=4096)
def _held(text: str) -> Mapping[int, HeldTicket]:
    return {ticket.id: ticket for ticket in _TICKETS.validate_json(text)}


def _declared(row: asyncpg.Record) -> Declared | None:
    if row["status"] is None:
        return None
    return Declared(status=Status(row["status"]), reason=row["reason"], since=row["since"], cause=cause_of(row))


def _load(held: Iterable[HeldTicket], capacity: Capacity) -> Load:
    counts = Counter(ticket.channel for ticket in held)
    return Load(used=sum(number * capacity.weight(channel) for channel, number in counts.items()), limit=capacity.limit)
