"""Stores agents in PostgreSQL: teams, skills, capacity, and the groups that follow from teams and skills."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from router.domain.actor import OPERATOR, Actor, Viewer
from router.domain.agent import Agent, Status
from router.domain.customer import AgentId
from router.domain.errors import Conflict
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.flow.run.transitions import Turned
from router.flow.see.agents import AgentCard, AgentFilter, Member, PresenceCard
from router.postgres import audit, groups
from router.postgres.agent_rows import cause_of
from router.postgres.assign.presence import withdraw_offers
from router.postgres.database import Connection, Database
from router.postgres.eyes import eyes, listed
from router.postgres.statements import load

SQL = load("work/agents")


class PostgresAgents:
    """Implements `router.flow.work.agents.AgentStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["PostgresAgentWork"]:
        async with self._database.transaction("agents") as connection:
            yield PostgresAgentWork(connection)

    async def cards(self, viewer: Viewer, wanted: AgentFilter, *, grace: timedelta) -> Sequence[AgentCard]:
        return await self._cards(viewer, wanted, grace)

    async def card(self, viewer: Viewer, name: str, *, grace: timedelta) -> AgentCard | None:
        cards = await self._cards(viewer, AgentFilter(with_retired=True, limit=1), grace, name=name)
        return cards[0] if cards else None

    async def members(self, viewer: Viewer, *, grace: timedelta) -> Mapping[str, Sequence[Member]]:
        members: defaultdict[str, list[Member]] = defaultdict(list)
        async with eyes(self._database, viewer) as connection:
            for row in await connection.fetch(SQL["members"], listed(viewer.teams), grace):
                members[row["team"]].append(Member(name=row["name"], presence=_presence(row)))
        return members

    async def has_groups(self, agent: Agent) -> bool:
        [row] = await self._database.fetch("agents", SQL["has_groups"], agent.id)
        return bool(row["exists"])

    async def _cards(
        self, viewer: Viewer, wanted: AgentFilter, grace: timedelta, *, name: str | None = None
    ) -> Sequence[AgentCard]:
        page = (wanted.team, wanted.with_retired, wanted.after, wanted.limit)
        async with eyes(self._database, viewer) as connection:
            rows = await connection.fetch(SQL["cards"], listed(viewer.teams), name, *page, grace)
        return [_card(row) for row in rows]


class PostgresAgentWork:
    """One transaction that changes one agent, whose row it locks before anything else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.agent_id = AgentId(0)
        self._is_new = False
        self._withdrawn: list[Turned] = []

    async def make(self, name: str) -> Profile:
        await self._connection.execute(SQL["lock_names"])
        if await self._connection.fetchval(SQL["insert_agent"], name) is None:
            taken = await self._connection.fetchval(SQL["agent_named_alike"], name)
            raise Conflict(f"There is already an agent named {taken}; capitals do not matter: choose another name.")
        self._is_new = True
        profile = await self.profile(name)
        assert profile, "this transaction has inserted the row"
        return profile

    async def profile(self, name: str) -> Profile | None:
        row = await self._connection.fetchrow(SQL["lock_agent"], name)
        if row is None:
            return None
        self.agent_id = row["id"]
        teams = await self._connection.fetch(SQL["teams"], self.agent_id)
        return _profile(row, frozenset(team["team"] for team in teams))

    async def record(self, before: Profile, after: Profile, *, by: Actor) -> Sequence[Turned]:
        """Write what differs; the lock on the groups comes last, as everywhere."""
        changes = after.changes_from(before)
        if changes or self._is_new:
            await self._write(after, changes, by=by)
        for team in sorted(before.teams - after.teams):
            await self._leave(team, before.name, by=by)
        if joined := sorted(after.teams - before.teams):
            await self._join(joined, before.name, by=by)
        if changes or before.teams != after.teams:
            await groups.regroup(self._connection, self.agent_id)
        return self._withdrawn

    async def _join(self, teams: Sequence[str], name: str, *, by: Actor) -> None:
        await self._connection.execute(SQL["join_teams"], self.agent_id, teams)
        for team in teams:
            await self._note("team.join", f"team:{team}", {"agent": name}, by=by)

    async def _leave(self, team: str, name: str, *, by: Actor) -> None:
        self._withdrawn += await withdraw_offers(self._connection, self.agent_id, team=team, by=by)
        try:
            await self._connection.execute(SQL["leave_team"], self.agent_id, team)
        except asyncpg.ForeignKeyViolationError as exc:
            raise Conflict(f"{name} still holds tickets of team {team}: resolve or transfer them first.") from exc
        await self._note("team.leave", f"team:{team}", {"agent": name}, by=by)

    async def _write(self, after: Profile, changes: Mapping[str, tuple[object, object]], *, by: Actor) -> None:
        if "is_retired" in changes and after.is_retired:
            await self._retire(after.name, by=by)
        skills = after.skills
        await self._connection.execute(
            SQL["update_agent"],
            self.agent_id, json.dumps(dict(skills.levels)), sorted(skills.languages), sorted(skills.words()),
            after.limit, json.dumps(dict(after.weights)), json.dumps(dict(after.most)), after.is_retired,
        )  # fmt: skip
        await self._note(self._action(after, changes), f"agent:{after.name}", changes, by=by)

    async def _retire(self, name: str, *, by: Actor) -> None:
        self._withdrawn += await withdraw_offers(self._connection, self.agent_id, by=by)
        if held := await self._connection.fetchval(SQL["count_held"], self.agent_id):
            raise Conflict(f"{name} still holds {held} {'ticket' if held == 1 else 'tickets'}: give them back first.")
        await self._connection.execute(SQL["end_tokens"], self.agent_id)

    def _action(self, after: Profile, changes: Mapping[str, object]) -> str:
        if self._is_new:
            return "agent.create"
        if "is_retired" in changes:
            return "agent.retire" if after.is_retired else "agent.reinstate"
        return "agent.change"

    async def _note(self, action: str, subject: str, data: Mapping[str, object], *, by: Actor) -> None:
        await audit.note(self._connection, by=by, action=action, subject=subject, data=data)


async def known_or_made(
    connection: Connection, name: str, *, teams: Collection[str], skills: Collection[str]
) -> AgentId:
    """Return the agent of that name, or a new one with this profile; locks them until the transaction ends.

    For the command line. Raises `Invalid` for a wrong profile, and `Conflict` if a profile is given for a known agent
    or the agent is retired.
    """
    work = PostgresAgentWork(connection)
    known = await work.profile(name)
    if known is None:
        profile = Profile(name=name, teams=frozenset(teams), skills=Skills.parse(skills))
        profile.check()
        await work.record(await work.make(name), profile, by=OPERATOR)
    elif teams or skills:
        raise Conflict(
            f"{name} is already an agent: leave out teams and skills, and change them with `frontdesk team add`, "
            "`team remove` and `agent change`."
        )
    elif known.is_retired:
        raise Conflict(f"{name} is retired: `frontdesk agent reinstate` brings them back.")
    return work.agent_id


def _profile(row: asyncpg.Record, teams: frozenset[str]) -> Profile:
    return Profile(
        name=row["name"],
        teams=teams,
        skills=Skills(levels=json.loads(row["levels"]), languages=frozenset(row["languages"])),
        limit=row["capacity"],
        weights=json.loads(row["weights"]),
        most=json.loads(row["most"]),
        is_retired=row["is_retired"],
    )


def _card(row: asyncpg.Record) -> AgentCard:
    return AgentCard(
        name=row["name"],
        teams=row["teams"],
        skills=dict(sorted(json.loads(row["levels"]).items())),
        languages=row["languages"],
        limit=row["capacity"],
        weights=json.loads(row["weights"]),
        most=json.loads(row["most"]),
        held=json.loads(row["held"]),
        presence=_presence(row),
        is_draining=row["is_draining"],
        created_at=row["created_at"],
        retired_at=row["retired_at"],
    )


def _presence(row: asyncpg.Record) -> PresenceCard | None:
    if row["status"] is None:
        return None
    return PresenceCard(
        status=Status(row["status"]),
        reason=row["reason"],
        cause=cause_of(row),
        since=row["since"],
        seen_at=row["seen_at"],
        is_live=row["is_live"],
    )
