"""`frontdesk team`: who is in which team. The policy defines the teams."""

from typing import Annotated

import typer

from router.command.agents import EVERYBODY, presence_words, with_agents
from router.command.terminal import print_table
from router.domain.actor import OPERATOR
from router.domain.errors import NotFound
from router.flow.see.agents import TeamCard
from router.flow.work.agents import Agents

commands = typer.Typer()
team = typer.Typer(help="Teams and their agents. The policy defines the teams.", no_args_is_help=True)
commands.add_typer(team, name="team")

TeamName = Annotated[str, typer.Argument(metavar="TEAM", help="As `frontdesk team list` shows it.")]
AgentNames = Annotated[list[str], typer.Argument(metavar="AGENT...", help="The agents' names.")]


@team.command("list")
def list_teams() -> None:
    """List all teams. This includes teams that the policy has dropped but that still have members."""
    teams = with_agents(lambda agents: agents.teams(EVERYBODY))
    rows = [(t.name, " and ".join(t.takes) or "nothing", ", ".join(t.queues), str(len(t.members))) for t in teams]
    print_table(("team", "takes", "queues", "agents"), rows)


@team.command()
def show(name: TeamName) -> None:
    """Show the agents of a team, and whether they are present."""
    card = with_agents(lambda agents: _team(agents, name))
    print_table(("agent", "presence"), [(member.name, presence_words(member.presence)) for member in card.members])


@team.command()
def add(name: TeamName, agents: AgentNames) -> None:
    """Add agents to a team: from now on they may get its tickets."""

    async def work(managed: Agents) -> None:
        for agent in agents:
            await managed.join(OPERATOR, name, agent)
            typer.echo(f"added {agent} to {name}")

    with_agents(work)


@team.command()
def remove(name: TeamName, agents: AgentNames) -> None:
    """Remove agents from a team. They must not hold tickets of it."""

    async def work(managed: Agents) -> None:
        for agent in agents:
            await managed.leave(OPERATOR, name, agent)
            typer.echo(f"removed {agent} from {name}")

    with_agents(work)


async def _team(agents: Agents, name: str) -> TeamCard:
    teams = await agents.teams(EVERYBODY)
    for card in teams:
        if card.name == name:
            return card
    raise NotFound(f"There is no team {name}: choose one of {', '.join(card.name for card in teams)}.")
