"""Intake's side of the database: locks and loads the world of a batch, and records what was decided, set by set."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import asyncpg

from router.domain.customer import CustomerId
from router.domain.ticket import Requirement
from router.flow.changes import Changes, Unprocessable, once
from router.flow.receive import Wanted
from router.flow.world import Ids, Snapshot
from router.postgres import groups, records, rows
from router.postgres.database import Connection, Database
from router.postgres.ids import ReservedIds
from router.postgres.statements import load

SQL = load("intake")

Begin: TypeAlias = Callable[[Sequence[int]], Awaitable[Connection]]
"""Begins the transaction with these advisory locks."""


class PostgresIntake:
    """Implements `router.flow.receive.IntakeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids = ReservedIds()
        self._groups: dict[Requirement, int] = {}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresIntakeTransaction"]:
        async with AsyncExitStack() as ending:

            async def begin(locks: Sequence[int]) -> Connection:
                return await ending.enter_async_context(self._database.transaction("intake", locks=locks))

            transaction = PostgresIntakeTransaction(begin, self._ids, self._groups)
            try:
                yield transaction
            finally:
                self._ids.redeem(transaction.promised)
        self._groups |= transaction.found

    async def attempts(self, hashes: Sequence[bytes]) -> Mapping[bytes, int]:
        found = await self._database.fetch("attempts", SQL["load_attempts"], hashes)
        return {row["hash"]: row["started"] for row in found}

    async def begin_attempts(self, hashes: Sequence[bytes]) -> None:
        if hashes:
            await self._database.execute("attempts", SQL["begin_attempts"], hashes)


class PostgresIntakeTransaction:
    """Implements `router.flow.receive.IntakeTransaction`."""

    _connection: Connection

    def __init__(self, begin: Begin, ids: ReservedIds, groups: Mapping[Requirement, int]) -> None:
        """`groups` are the ids of skill groups that are known to be committed; `found` are those met on the way."""
        self._begin = begin
        self._ids = ids
        self._groups = groups
        self.found: dict[Requirement, int] = {}
        self.promised = 0

    async def load(self, wanted: Wanted) -> tuple[Snapshot, Ids]:
        """Begin with what is to be locked, then read in the next statement.

        Only a fresh snapshot shows what a lock's last holder wrote. The order (handles, customers, conversations,
        tickets; each by id) is that of every flow, so none can deadlock.
        """
        self._connection = await self._begin(lock_keys(wanted))
        [led_to] = await self._connection.fetch(SQL["lock_customers"], *_evidence(wanted))
        customers = [rows.customer(row) for row in led_to["customers"]]
        loaded = await self._lock_and_load(wanted, led_to["found"], [customer.id for customer in customers])
        snapshot = Snapshot(
            now=loaded["now"],
            customers=customers,
            handles=[rows.known_handle(row) for row in loaded["handles"]],
            conversations=[rows.conversation(row) for row in loaded["conversations"]],
            tickets=[rows.ticket(row) for row in loaded["tickets"]],
            references=dict(map(rows.reference, loaded["references"])),
            received=[rows.received(row) for row in loaded["received"]],
        )
        return snapshot, self._ids

    async def _lock_and_load(
        self, wanted: Wanted, found: Sequence[int], customers: Sequence[CustomerId]
    ) -> asyncpg.Record:
        keys = [(key.channel, key.account, key.external_id) for key in wanted.keys]
        self.promised = wanted.messages
        loaded: asyncpg.Record
        [loaded] = await self._connection.fetch(
            SQL["lock_and_load"],
            found,
            customers,
            list(wanted.handles),
            *rows.columns(wanted.references, 2),
            *rows.columns(keys, 3),
            *self._ids.promise(wanted.messages),
        )
        self._ids.keep(loaded)
        return loaded

    async def record(self, changes: Changes, finished: Sequence[bytes]) -> Sequence[Unprocessable]:
        """Write all that was decided."""
        group_ids = await self._group_ids(changes)
        await self._connection.execute(SQL["record"], *records.arguments(changes, group_ids))
        if finished:
            await self._connection.execute(SQL["finish_attempts"], finished)
        return [each for each in once(changes.unprocessable) if await self._keep(each)]

    async def _keep(self, refused: Unprocessable) -> bool:
        return bool(await self._connection.fetch(SQL["put_unprocessable"], *rows.unprocessable(refused)))

    async def _group_ids(self, changes: Changes) -> Mapping[Requirement, int]:
        wanted = {rows.requirement(ticket) for ticket in changes.tickets.values()}
        known = {requirement: self._groups[requirement] for requirement in wanted & self._groups.keys()}
        if missing := wanted - known.keys():
            self.found = await groups.ensure(self._connection, missing)
        return known | self.found


def _evidence(wanted: Wanted) -> tuple[Sequence[object], ...]:
    """The arguments of `lock_customers`."""
    return (
        list(wanted.handles),
        list(wanted.tokened),
        *rows.columns(wanted.threads, 2),
        *rows.columns(wanted.references, 2),
        list(wanted.ticket_numbers),
    )


def lock_keys(wanted: Wanted) -> list[int]:
    """64-bit keys of the handles and mail threads, sorted: two batches that share some take them in the same order."""
    names = [*wanted.handles, *(f"thread:{account}:{root}" for account, root in wanted.threads)]
    return sorted(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True) for name in names)
