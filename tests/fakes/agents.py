"""Agents in memory: passes the contract of agent stores."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from router.domain.actor import Actor, Teams, Viewer
from router.domain.agent import Agent
from router.domain.customer import AgentId
from router.domain.errors import Conflict
from router.domain.profile import Profile
from router.flow.run.transitions import Turned
from router.flow.see.agents import AgentCard, AgentFilter, Member, PresenceCard
from tests.fakes.tables import AgentRow, FakeDatabase, Tables


class FakeAgents:
    """Implements `router.flow.work.agents.AgentStore`."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["FakeAgentWork"]:
        async with self._database.transaction():
            yield FakeAgentWork(self._database.tables)

    async def cards(self, viewer: Viewer, wanted: AgentFilter, *, grace: timedelta) -> Sequence[AgentCard]:
        rows = [row for row in self._visible(viewer) if wanted.with_retired or not row.profile.is_retired]
        if wanted.team:
            rows = [row for row in rows if viewer.has(wanted.team) and wanted.team in row.profile.teams]
        if wanted.after:
            rows = [row for row in rows if row.profile.name > wanted.after]
        return [self._card(row, viewer.teams, grace) for row in rows[: wanted.limit]]

    async def card(self, viewer: Viewer, name: str, *, grace: timedelta) -> AgentCard | None:
        found = [row for row in self._visible(viewer) if row.profile.name == name]
        return self._card(found[0], viewer.teams, grace) if found else None

    async def members(self, viewer: Viewer, *, grace: timedelta) -> Mapping[str, Sequence[Member]]:
        members: dict[str, list[Member]] = {}
        for row in self._visible(viewer):
            if row.profile.is_retired:
                continue
            member = Member(name=row.profile.name, presence=self._presence(row, grace))
            for team in _seen(row.profile.teams, viewer.teams):
                members.setdefault(team, []).append(member)
        return members

    async def has_groups(self, agent: Agent) -> bool:
        return any(agent.may_take(ticket.requirement) for ticket in self._database.tables.tickets.values())

    def _visible(self, viewer: Viewer) -> list[AgentRow]:
        by_name = sorted(self._database.tables.agents.values(), key=lambda row: row.profile.name)
        return [row for row in by_name if viewer.teams is None or row.profile.teams & viewer.teams]

    def _card(self, row: AgentRow, teams: Teams, grace: timedelta) -> AgentCard:
        profile = row.profile
        held = self._database.tables.held_by(row.id, teams=teams)
        return AgentCard(
            name=profile.name,
            teams=_seen(profile.teams, teams),
            skills=profile.skills.levels,
            languages=sorted(profile.skills.languages),
            limit=profile.limit,
            weights=profile.weights,
            most=profile.most,
            held=Counter(ticket.requirement.channel for ticket in held),
            presence=self._presence(row, grace),
            is_draining=row.is_draining,
            created_at=row.created_at,
            retired_at=row.retired_at,
        )

    def _presence(self, row: AgentRow, grace: timedelta) -> PresenceCard | None:
        presence = row.presence
        if presence is None:
            return None
        return PresenceCard(
            status=presence.status,
            reason=presence.reason,
            cause=presence.cause,
            since=presence.since,
            seen_at=presence.seen_at,
            is_live=presence.is_live(self._database.tables.now, grace),
        )


class FakeAgentWork:
    """Implements `router.flow.work.agents.AgentWork`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._made: AgentId | None = None

    async def make(self, name: str) -> Profile:
        for row in self._tables.agents.values():
            if row.profile.name.lower() == name.lower():
                taken = row.profile.name
                raise Conflict(f"There is already an agent named {taken}; capitals do not matter: choose another name.")
        self._made = AgentId(len(self._tables.agents) + 1)
        row = AgentRow(id=self._made, profile=Profile(name=name), created_at=self._tables.now)
        self._tables.agents[row.id] = row
        return row.profile

    async def profile(self, name: str) -> Profile | None:
        row = self._tables.agent_named(name)
        return row and row.profile

    async def record(self, before: Profile, after: Profile, *, by: Actor) -> Sequence[Turned]:
        row = self._tables.agent_named(before.name)
        assert row, "the agent has been made, or read"
        withdrawn = []
        if after.is_retired and not before.is_retired:
            withdrawn += self._tables.withdraw_offers(row.id, by)
        if left := before.teams - after.teams:
            withdrawn += self._tables.withdraw_offers(row.id, by, teams=left)
        self._check_held(row, before, after)
        retired_at = (row.retired_at or self._tables.now) if after.is_retired else None
        self._tables.agents[row.id] = replace(row, profile=after, retired_at=retired_at)
        self._note(row, before, after, by)
        return withdrawn

    def _check_held(self, row: AgentRow, before: Profile, after: Profile) -> None:
        held = len(self._tables.held_by(row.id))
        if after.is_retired and held:
            raise Conflict(f"{before.name} still holds {held} {'ticket' if held == 1 else 'tickets'}.")
        for team in sorted(before.teams - after.teams):
            if self._tables.held_by(row.id, teams={team}):
                raise Conflict(f"{before.name} still holds tickets of team {team}.")

    def _note(self, row: AgentRow, before: Profile, after: Profile, by: Actor) -> None:
        if after.changes_from(before) or row.id == self._made:
            self._tables.note(by, self._action(row, before, after), f"agent:{before.name}")
        for team in sorted(before.teams - after.teams):
            self._tables.note(by, "team.leave", f"team:{team}")
        for team in sorted(after.teams - before.teams):
            self._tables.note(by, "team.join", f"team:{team}")

    def _action(self, row: AgentRow, before: Profile, after: Profile) -> str:
        if row.id == self._made:
            return "agent.create"
        if after.is_retired is not before.is_retired:
            return "agent.retire" if after.is_retired else "agent.reinstate"
        return "agent.change"


def _seen(teams: frozenset[str], by: Teams) -> list[str]:
    return sorted(teams if by is None else teams & by)
