"""What people may read, from PostgreSQL. Row-level security and the statements' team filter both apply to people."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from channels import handles
from channels.message import MessageKey
from router.domain.actor import Viewer
from router.domain.ticket import TicketState
from router.flow.see.customers import CustomerCard
from router.flow.see.messages import MessageStatus, Namesake, Unprocessed
from router.flow.see.pages import TRANSCRIPT_SHOWN, Happening, Original, Part, TicketPage, Transcript
from router.flow.see.places import Place
from router.flow.see.queues import QueueLoad
from router.flow.see.tickets import Filter, TicketLine
from router.postgres.database import Connection, Database
from router.postgres.eyes import eyes, listed
from router.postgres.see.pages import card, entries, page, ticket_line
from router.postgres.statements import load
from router.postgres.together import Together

SQL = load("see/reading")
MAX_ID = 2**63 - 1
_END = Place(datetime.max.replace(tzinfo=UTC), MAX_ID)
READ_TOGETHER = 50
"""Pages per statement: more would not make a page cheaper, and would make people wait longer."""


class PostgresReading:
    """Finds only what a viewer may see."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pages = Together(self._read_pages, at_most=READ_TOGETHER)

    async def ticket(self, viewer: Viewer, ticket_id: int) -> TicketPage | None:
        document = await self._pages.ask((viewer, ticket_id))
        return None if document is None else page(document, viewer)

    async def transcript(self, viewer: Viewer, ticket_id: int, part: Part) -> Transcript | None:
        statement, place = ("older", part.before or _END) if part.after is None else ("newer", part.after)
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL[statement], ticket_id, listed(viewer.teams), *place, part.limit + 1)
        found = entries(row["entry"] for row in rows if row["entry"] is not None)
        return part.page_of(found if statement == "newer" else found[::-1]) if rows else None

    async def history(self, viewer: Viewer, ticket_id: int) -> Sequence[Happening]:
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["history"], ticket_id, listed(viewer.teams))
        return [_happening(row) for row in rows]

    async def original(self, viewer: Viewer, ticket_id: int, message_id: int) -> Original | None:
        async with eyes(self._database, viewer) as connection:
            row = await connection.fetchrow(SQL["original"], ticket_id, message_id, listed(viewer.teams))
        return None if row is None else Original(**row)

    async def tickets(self, viewer: Viewer, wanted: Filter) -> Sequence[TicketLine]:
        """Return a page of tickets, newest first, at most `wanted.limit`."""
        arguments = (listed(viewer.teams), wanted.state, wanted.queue, *_ids(wanted), wanted.limit)
        async with eyes(self._database, viewer) as connection:
            customers = await _customers(connection, wanted)
            if customers is None:
                rows = await connection.fetch(SQL["tickets"], *arguments)
            else:
                rows = await connection.fetch(SQL["tickets_of_customers"], *arguments, customers)
        return [ticket_line(row, viewer) for row in rows]

    async def held(self, viewer: Viewer) -> Sequence[TicketLine]:
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["tickets_held"], listed(viewer.teams), viewer.agent_id)
        return [ticket_line(row, viewer) for row in rows]

    async def customer(self, viewer: Viewer, customer_id: int) -> CustomerCard | None:
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["cards"], [customer_id], listed(viewer.teams))
        return next((card(row["customer"]) for row in rows), None)

    async def customers_by_handle(self, viewer: Viewer, handle: str) -> Sequence[CustomerCard]:
        async with eyes(self._database, viewer) as connection:
            customers = await _customers_by_handle(connection, handle)
            rows = await connection.fetch(SQL["cards"], customers, listed(viewer.teams))
        return [card(row["customer"]) for row in rows]

    async def queues(self, viewer: Viewer) -> Sequence[QueueLoad]:
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["queues"], listed(viewer.teams))
        return [QueueLoad(**row) for row in rows]

    async def queues_ever(self, viewer: Viewer) -> frozenset[str]:
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["queues_ever"], listed(viewer.teams))
        return frozenset(row["queue"] for row in rows)

    async def message(self, key: MessageKey) -> MessageStatus | None:
        async with self._database.transaction("reading", read_only=True) as connection:
            received = await connection.fetchrow(SQL["received"], key.account, key.external_id, key.channel)
            refused = await connection.fetchrow(SQL["unprocessable"], key.channel, key.account, key.external_id)
            others = await connection.fetch(SQL["namesakes"], key.account, key.external_id, key.channel)
        return _status(key, received, refused, [Namesake(**row) for row in others])

    async def _read_pages(self, asked: Sequence[tuple[Viewer, int]]) -> Sequence[str | None]:
        rows = await self._database.fetch("reading", SQL["pages"], _asked(asked), TRANSCRIPT_SHOWN + 1)
        return [row["page"] for row in rows]


def _ids(wanted: Filter) -> tuple[int, int]:
    """Return the first and last id to look at. Both are always set: row-level security lets `coalesce` use no index."""
    last = MAX_ID if wanted.before is None else wanted.before - 1
    return (0, last) if wanted.number is None else (wanted.number, min(wanted.number, last))


async def _customers(connection: Connection, wanted: Filter) -> list[int] | None:
    if wanted.handle is None:
        return None if wanted.customer_id is None else [wanted.customer_id]
    found = await _customers_by_handle(connection, wanted.handle)
    return [id_ for id_ in found if wanted.customer_id in {None, id_}]


async def _customers_by_handle(connection: Connection, handle: str) -> list[int]:
    return [row["customer_id"] for row in await connection.fetch(SQL["customers_by_handle"], handles.typed(handle).key)]


def _happening(row: asyncpg.Record) -> Happening:
    return Happening(**{**row, "state": TicketState(row["state"]), "data": json.loads(row["data"])})


def _asked(pages: Sequence[tuple[Viewer, int]]) -> str:
    return json.dumps(
        [
            {"agent_id": viewer.agent_id, "ticket_id": ticket_id, "teams": listed(viewer.teams)}
            for viewer, ticket_id in pages
        ]
    )


def _status(
    key: MessageKey, received: asyncpg.Record | None, refused: asyncpg.Record | None, others: Sequence[Namesake]
) -> MessageStatus | None:
    refusal = Unprocessed(**refused) if refused else None
    if received is None and refusal is None:
        return None
    return MessageStatus(
        channel=key.channel,
        account=key.account,
        id=key.external_id,
        outcome=received["outcome"] if received else "unprocessable",
        received_at=received["received_at"] if received else None,
        ticket_id=received["ticket_id"] if received else None,
        unprocessable=refusal,
        others=others,
    )
