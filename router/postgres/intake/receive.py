"""Intake's side of the database: locks and loads the world of a batch, and records the decisions, set by set."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from router.domain.wait import Requirement
from router.flow.intake.changes import Changes
from router.flow.intake.receive import Wanted
from router.flow.intake.unprocessable import Unprocessable, once
from router.flow.intake.world import Found, Ids
from router.postgres import groups, rows
from router.postgres.database import Connection, Database
from router.postgres.intake import records
from router.postgres.intake.ids import ReservedIds
from router.postgres.statements import load

SQL = load("intake/receive")


class PostgresIntake:
    """Implements `router.flow.intake.receive.IntakeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids = ReservedIds()
        self._groups: dict[Requirement, int] = {}

    @asynccontextmanager
    async def transaction(self, wanted: Wanted) -> AsyncIterator["PostgresIntakeTransaction"]:
        async with self._database.transaction("intake", locks=lock_keys(wanted)) as connection:
            to_reserve = self._ids.promise(wanted.messages)
            try:
                found = await self._load(connection, wanted, to_reserve)
                transaction = PostgresIntakeTransaction(connection, found, self._ids, self._groups)
                yield transaction
            finally:
                self._ids.redeem(wanted.messages)
        self._groups |= transaction.new_groups

    async def _load(self, connection: Connection, wanted: Wanted, to_reserve: Sequence[int]) -> Found:
        """Lock what the wanted keys, which are locked already, lead to; read it in the next statement.

        Only a fresh snapshot shows what a lock's last holder wrote. Every flow locks in this order (handles, customers,
        conversations, tickets; each by id), so none can deadlock.
        """
        [led_to] = await connection.fetch(SQL["lock_customers"], *_evidence(wanted))
        customers = [rows.customer(row) for row in led_to["customers"]]
        [loaded] = await connection.fetch(
            SQL["lock_and_load"],
            led_to["found"],
            [customer.id for customer in customers],
            list(wanted.handles),
            *rows.columns(wanted.references, 2),
            *rows.columns([(*key, fingerprint) for key, fingerprint in wanted.keys], 4),
            *to_reserve,
        )
        self._ids.keep(loaded)
        return Found(
            now=loaded["now"],
            customers=customers,
            handles=[rows.known_handle(row) for row in loaded["handles"]],
            conversations=[rows.conversation(row) for row in loaded["conversations"]],
            tickets=[rows.ticket(row) for row in loaded["tickets"]],
            references=dict(map(rows.reference, loaded["references"])),
            further_references=[rows.reference(row) for row in loaded["further_references"]],
            received=[rows.received(row) for row in loaded["received"]],
            namesakes=[rows.namesake(row) for row in loaded["namesakes"]],
        )

    async def attempts(self, hashes: Sequence[bytes]) -> Mapping[bytes, int]:
        found = await self._database.fetch("attempts", SQL["load_attempts"], hashes)
        return {row["hash"]: row["started"] for row in found}

    async def begin_attempts(self, hashes: Sequence[bytes]) -> None:
        if hashes:
            await self._database.execute("attempts", SQL["begin_attempts"], hashes)


class PostgresIntakeTransaction:
    """Implements `router.flow.intake.receive.IntakeTransaction`."""

    def __init__(self, connection: Connection, found: Found, ids: Ids, groups: Mapping[Requirement, int]) -> None:
        """`groups` are the ids of skill groups known to be committed; `new_groups` are those made here."""
        self.found = found
        self.ids = ids
        self.new_groups: dict[Requirement, int] = {}
        self._connection = connection
        self._groups = groups

    async def record(self, changes: Changes, finished: Sequence[bytes]) -> Sequence[Unprocessable]:
        """Write everything that was decided."""
        group_ids = await self._group_ids(changes)
        await self._connection.execute(SQL["record"], *records.arguments(changes, group_ids))
        if finished:
            await self._connection.execute(SQL["finish_attempts"], finished)
        return [each for each in once(changes.unprocessable) if await self._keep(each)]

    async def _keep(self, refused: Unprocessable) -> bool:
        return bool(await self._connection.fetch(SQL["put_unprocessable"], *rows.unprocessable(refused)))

    async def _group_ids(self, changes: Changes) -> Mapping[Requirement, int]:
        wanted = {ticket.wait.requirement for ticket in changes.tickets.values()}
        known = {requirement: self._groups[requirement] for requirement in wanted & self._groups.keys()}
        if missing := wanted - known.keys():
            self.new_groups = await groups.ensure(self._connection, missing)
        return known | self.new_groups


def _evidence(wanted: Wanted) -> tuple[Sequence[object], ...]:
    """Return the arguments of `lock_customers`."""
    return (
        list(wanted.handles),
        list(wanted.tokened),
        *rows.columns(wanted.threads, 2),
        *rows.columns(wanted.references, 2),
        list(wanted.ticket_numbers),
    )


def lock_keys(wanted: Wanted) -> list[int]:
    """Return 64-bit keys of the handles and mail threads, sorted so that batches take shared ones in the same order."""
    names = [*wanted.handles, *(f"thread:{account}:{root}" for account, root in wanted.threads)]
    return sorted(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True) for name in names)
