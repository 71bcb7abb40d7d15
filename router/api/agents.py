"""Agents and teams, for leads and admins. For a lead, an agent of other teams does not exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import Field, StrictBool, StrictInt

from router.api.access import LEADS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.paging import Limit, page_of
from router.api.tickets import Name
from router.domain.actor import Actor, Viewer
from router.domain.agent import Principal
from router.domain.errors import NotFound
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.flow.see.agents import AgentCard, AgentFilter, TeamCard
from router.flow.work.agents import Agents

Numbers = Mapping[Name, StrictInt | None]


class AgentPath(Model):
    """An agent's name."""

    name: Name


class MemberPath(Model):
    """The names of a team and an agent."""

    team: Name
    agent: Name


class AgentSearch(Model):
    """Which agents; `after` is the `next` of the page before."""

    team: Name | None = None
    retired: bool = False
    after: Name | None = None
    limit: Limit = 50


class Description(Model):
    """What an agent is and can do. Fields that are left out stay as they are.

    `teams` and `languages` replace what was there. `skills` (levels from 1 to 5), `weights` and `most` change only the
    names given; null removes one. A `limit` of null means the policy's limit.
    """

    teams: tuple[Name, ...] = ()
    skills: Numbers = Field(default_factory=dict)
    languages: tuple[Name, ...] = ()
    limit: StrictInt | None = None
    weights: Numbers = Field(default_factory=dict)
    most: Numbers = Field(default_factory=dict)

    def applied_to(self, profile: Profile) -> Profile:
        """Return the profile with these changes."""
        named = self.model_fields_set
        languages = frozenset(self.languages) if "languages" in named else profile.skills.languages
        return replace(
            profile,
            teams=frozenset(self.teams) if "teams" in named else profile.teams,
            skills=Skills(levels=_merged(profile.skills.levels, self.skills), languages=languages),
            limit=self.limit if "limit" in named else profile.limit,
            weights=_merged(profile.weights, self.weights),
            most=_merged(profile.most, self.most),
        )


class NewAgent(Description):
    """An agent to create."""

    name: Name


class AgentChange(Description):
    """What to change. A `retired` agent stays in the history under their name, but can do nothing more."""

    retired: StrictBool = False

    def applied_to(self, profile: Profile) -> Profile:
        changed = super().applied_to(profile)
        return replace(changed, is_retired=self.retired) if "retired" in self.model_fields_set else changed


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentList:
    """Agents by name; `next` leads to the next page, and is null on the last one."""

    agents: Sequence[AgentCard]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamList:
    """The teams, in the policy's order."""

    teams: Sequence[TeamCard]


class AgentEndpoints:
    """Manages agents: their teams, their skills, and how much they take at once."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/agents",
                summary="List the agents of your teams by name; `retired=true` includes retired ones.",
                handle=self.list,
                roles=LEADS,
                answers={200: PossibleAnswer("A page of agents.", AgentList)},
            ),
            Endpoint(
                method="POST",
                path="/v1/agents",
                summary="Create an agent.",
                handle=self.create,
                roles=LEADS,
                answers={201: PossibleAnswer("The new agent; create a token for them separately.", AgentCard)},
            ),
            Endpoint(
                method="GET",
                path="/v1/agents/{name}",
                summary="Show an agent: skills, capacity, presence, and how many tickets they hold.",
                handle=self.show,
                roles=LEADS,
                answers={200: PossibleAnswer("The agent.", AgentCard)},
            ),
            Endpoint(
                method="PATCH",
                path="/v1/agents/{name}",
                summary="Change an agent. The change counts from the next ticket on.",
                handle=self.change,
                roles=LEADS,
                answers={
                    200: PossibleAnswer("The changed agent.", AgentCard),
                    204: PossibleAnswer("Changed; the agent is no longer in any of your teams."),
                },
            ),
            Endpoint(
                method="GET",
                path="/v1/teams",
                summary="List your teams with their queues and members.",
                handle=self.teams,
                roles=LEADS,
                answers={200: PossibleAnswer("Every team.", TeamList)},
            ),
            Endpoint(
                method="PUT",
                path="/v1/teams/{team}/members/{agent}",
                summary="Add an agent to a team.",
                handle=self.join,
                roles=LEADS,
                answers={204: PossibleAnswer("The agent is in the team.")},
            ),
            Endpoint(
                method="DELETE",
                path="/v1/teams/{team}/members/{agent}",
                summary="Remove an agent from a team, unless they hold a ticket of it.",
                handle=self.leave,
                roles=LEADS,
                answers={204: PossibleAnswer("The agent is not in the team.")},
            ),
        ]

    async def list(self, who: Principal, query: AgentSearch) -> Answer:
        wanted = AgentFilter(team=query.team, with_retired=query.retired, after=query.after, limit=query.limit + 1)
        shown, last = page_of(await self._agents.list(Viewer.of(who), wanted), query.limit)
        return Answer(content=AgentList(agents=shown, next=last.name if last else None))

    async def create(self, who: Principal, body: NewAgent) -> Answer:
        card = await self._agents.create(Actor.of(who), body.applied_to(Profile(name=body.name)))
        return Answer(status=201, content=card)

    async def show(self, who: Principal, path: AgentPath) -> Answer:
        return Answer(content=await self._agents.show(Viewer.of(who), path.name))

    async def change(self, who: Principal, path: AgentPath, body: AgentChange) -> Answer:
        await self._agents.change(Actor.of(who), path.name, body.applied_to)
        try:
            return Answer(content=await self._agents.show(Viewer.of(who), path.name))
        except NotFound:
            return Answer(status=204)

    async def teams(self, who: Principal) -> Answer:
        return Answer(content=TeamList(teams=await self._agents.teams(Viewer.of(who))))

    async def join(self, who: Principal, path: MemberPath) -> Answer:
        await self._agents.join(Actor.of(who), path.team, path.agent)
        return Answer(status=204)

    async def leave(self, who: Principal, path: MemberPath) -> Answer:
        await self._agents.leave(Actor.of(who), path.team, path.agent)
        return Answer(status=204)


def _merged(kept: Mapping[str, int], given: Numbers) -> Mapping[str, int]:
    return {name: number for name, number in {**kept, **given}.items() if number is not None}
