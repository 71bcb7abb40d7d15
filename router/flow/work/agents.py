"""Agents and teams as leads and admins manage them. A store keeps them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from router.domain.actor import Actor, Teams, Viewer
from router.domain.errors import Invalid, NotFound, Refused
from router.domain.profile import Profile
from router.flow.assign.presence import report_withdrawn
from router.flow.run.transitions import Transitions, Turned
from router.flow.see.agents import AgentCard, AgentCards, AgentFilter, Member, TeamCard, no_agent
from router.metrics import Metrics
from router.policy.model import Policy


class AgentWork(Protocol):
    """One transaction that changes one agent."""

    async def make(self, name: str) -> Profile:
        """Create an agent with an empty profile; raises `Conflict` if the name is taken."""

    async def profile(self, name: str) -> Profile | None:
        """Lock and return the agent's profile: until the end, nobody else changes the agent or gives them tickets."""

    async def record(self, before: Profile, after: Profile, *, by: Actor) -> Sequence[Turned]:
        """Write what differs, the groups that follow from it, and who did it; returns what is offered no more.

        Raises `Conflict` if the agent holds tickets of a team they leave, or any tickets when they retire.
        """


class AgentStore(AgentCards, Protocol):
    """The store of agents."""

    def work(self) -> AbstractAsyncContextManager[AgentWork]: ...


class Agents:
    """What leads and admins do with agents and teams. Agents and teams that are not theirs raise `NotFound`."""

    def __init__(self, store: AgentStore, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._store = store
        self._policy = policy
        self._transitions = Transitions(metrics)

    async def list(self, viewer: Viewer, wanted: AgentFilter) -> Sequence[AgentCard]:
        return await self._store.cards(viewer, wanted, grace=self._grace)

    async def show(self, viewer: Viewer, name: str) -> AgentCard:
        card = await self._store.card(viewer, name, grace=self._grace)
        if card is None:
            raise no_agent(name, viewer.teams)
        return card

    async def create(self, by: Actor, profile: Profile) -> AgentCard:
        """Create an agent; raises `Invalid` for a wrong profile, `Conflict` if the name is taken.

        A lead must name a team, or they would never see the agent again.
        """
        if by.teams is not None and not profile.teams:
            raise Invalid("teams", f"must name one of yours: {', '.join(sorted(by.teams))}")
        self._check(by, profile, joined=profile.teams)
        self._check_weights(profile)
        async with self._store.work() as work:
            await work.record(await work.make(profile.name), profile, by=by)
        return await self.show(Viewer.of(by), profile.name)

    async def change(self, by: Actor, name: str, change: Callable[[Profile], Profile]) -> Profile:
        """Apply `change` to the part of the profile that the actor sees, and return the new profile.

        Raises `Invalid` for a wrong profile, `Conflict` if held tickets are in the way, and `Refused` if a lead would
        retire themselves, or an agent who also works for teams that are not theirs.
        """
        async with self._store.work() as work:
            before = await work.profile(name)
            if before is None or not _is_visible(before, by.teams):
                raise no_agent(name, by.teams)
            after = self._changed(by, before, change)
            withdrawn = await work.record(before, after, by=by)
        report_withdrawn(withdrawn, self._transitions, by=by)
        return after

    async def join(self, by: Actor, team: str, name: str) -> None:
        """Add the agent to the team, unless they are in it already."""
        if team not in self._teams(by):
            raise NotFound(f"There is no team {team}: choose one of {', '.join(self._teams(by)) or 'none'}.")
        await self.change(by, name, lambda profile: replace(profile, teams=profile.teams | {team}))

    async def leave(self, by: Actor, team: str, name: str) -> None:
        """Remove the agent from the team; raises `NotFound` if they are not in it."""

        def left(profile: Profile) -> Profile:
            if team not in profile.teams:
                raise NotFound(f"{name} is not in team {team}.")
            return replace(profile, teams=profile.teams - {team})

        await self.change(by, name, left)

    async def teams(self, viewer: Viewer) -> Sequence[TeamCard]:
        """Return the viewer's teams with their queues and members, in the policy's order."""
        members = await self._store.members(viewer, grace=self._grace)
        policy = self._policy()
        known = [team for team in policy.teams if viewer.has(team)]
        return [_team(name, policy, members.get(name, ())) for name in (*known, *sorted(members.keys() - {*known}))]

    @property
    def _grace(self) -> timedelta:
        return self._policy().assignment.grace

    def _teams(self, by: Actor) -> Sequence[str]:
        return [team for team in self._policy().teams if by.has(team)]

    def _changed(self, by: Actor, before: Profile, change: Callable[[Profile], Profile]) -> Profile:
        seen = before if by.teams is None else replace(before, teams=before.teams & by.teams)
        after = change(seen)
        self._check(by, after, joined=after.teams - seen.teams)
        if (after.limit, after.weights) != (before.limit, before.weights):
            self._check_weights(after)
        unseen = before.teams - seen.teams
        if after.is_retired and by.agent and by.agent.name == before.name:
            raise Refused("You cannot retire yourself: ask another lead or an admin.")
        if after.is_retired and not before.is_retired and unseen:
            raise Refused(f"{before.name} is also in teams that are not yours: ask an admin to retire them.")
        return replace(after, teams=after.teams | unseen)

    def _check(self, by: Actor, profile: Profile, *, joined: frozenset[str]) -> None:
        profile.check()
        teams = self._teams(by)
        for team in sorted(joined.difference(teams)):
            raise Invalid("teams", f"cannot include '{team}': choose from {', '.join(teams) or 'none'}")

    def _check_weights(self, profile: Profile) -> None:
        """Check that each of the agent's own weights fits the limit; a limit of 0 means they get nothing."""
        limit = profile.capacity(self._policy().assignment.capacity).limit
        for channel, weight in profile.weights.items():
            if 0 < limit < weight:
                raise Invalid(f"weights.{channel}", f"is {weight}, above the agent's limit of {limit}: none would fit")


def _is_visible(profile: Profile, teams: Teams) -> bool:
    return teams is None or not profile.teams.isdisjoint(teams)


def _team(name: str, policy: Policy, members: Sequence[Member]) -> TeamCard:
    team = policy.teams.get(name)
    return TeamCard(
        name=name,
        description=team.description if team else "",
        takes=sorted(team.takes) if team else (),
        queues=[queue.name for queue in policy.queues.values() if queue.team == name],
        members=members,
    )
