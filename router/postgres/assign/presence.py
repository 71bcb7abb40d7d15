"""Stores presence, timed by PostgreSQL's clock. `flow.assign.presence` decides how often to renew it."""

from collections.abc import Collection, Mapping

from router.domain.actor import Actor
from router.domain.agent import Agent, Role, Status
from router.domain.customer import AgentId
from router.domain.history import HistoryKind
from router.domain.ticket import TicketState
from router.flow.assign.presence import Declaration
from router.flow.run.transitions import Turned
from router.flow.see.agents import PresenceCard
from router.postgres import audit, hints
from router.postgres.database import Connection, Database
from router.postgres.statements import load

SQL = load("assign/presence")


class PostgresPresence:
    """Implements `router.flow.assign.presence.PresenceStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def renew(self, agent_ids: Collection[AgentId]) -> Collection[AgentId]:
        rows = await self._database.fetch("presence", SQL["renew"], list(agent_ids))
        return [row["agent_id"] for row in rows if row["is_declared"]]

    async def ask(self, agent_id: AgentId) -> None:
        await self._database.execute("presence", SQL["ask"], agent_id)

    async def declare(self, agent: Agent, status: Status, reason: str | None) -> Declaration:
        by = Actor(role=Role.AGENT, agent=agent)
        async with self._database.transaction("presence") as connection:
            name: str = await connection.fetchval(SQL["lock_agent"], agent.id)
            presence, changes = await _declare(connection, agent.id, status, reason)
            if changes:
                subject = f"agent:{name}"
                await audit.note(connection, by=by, action="presence.set", subject=subject, data=changes)
            is_available = status is Status.AVAILABLE
            withdrawn = [] if is_available else await withdraw_offers(connection, agent.id, by=by)
        return Declaration(presence=presence, withdrawn=withdrawn)


async def withdraw_offers(
    connection: Connection, agent_id: AgentId, *, team: str | None = None, by: Actor
) -> list[Turned]:
    """Let what is offered to the agent wait again at its place, of all teams or of one; the agent's row is locked."""
    rows = await connection.fetch(SQL["withdraw_offers"], agent_id, team, str(by))
    withdrawn = [Turned(row["id"], TicketState.OFFERED, agent_id, row["queue"], row["channel"]) for row in rows]
    await hints.after(connection, HistoryKind.RELEASE, *withdrawn)
    return withdrawn


async def _declare(
    connection: Connection, agent_id: AgentId, status: Status, reason: str | None
) -> tuple[PresenceCard, Mapping[str, object]]:
    """Return the presence and the fields that changed."""
    before = await connection.fetchrow(SQL["presence"], agent_id) or {}
    after = await connection.fetchrow(SQL["declare"], agent_id, status, reason)
    assert after is not None, "an insert that updates on conflict returns its row"
    changes = {
        field: (before.get(field), after[field]) for field in ("status", "reason") if before.get(field) != after[field]
    }
    return PresenceCard(**{**after, "status": Status(after["status"])}), changes
