"""`frontdesk agent`: the people who answer, their skills, and how much they carry at once."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

import typer

from router.app import managed_agents
from router.command.running import give_up, with_deployment
from router.command.terminal import print_table, printable
from router.deployment import Deployment, load_policy
from router.domain.actor import OPERATOR, Viewer
from router.domain.errors import Invalid, Refused
from router.domain.profile import Profile
from router.domain.skills import Skills
from router.flow.see.agents import AgentCard, AgentFilter, PresenceCard
from router.flow.work.agents import Agents

commands = typer.Typer()
agent = typer.Typer(help="Agents: their skills, and how much they carry at once.", no_args_is_help=True)
commands.add_typer(agent, name="agent")

T = TypeVar("T")
EVERYBODY = Viewer()
PAGE = 200
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

AgentName = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]
Skill = Annotated[list[str] | None, typer.Option(metavar="NAME[:LEVEL]", help="A skill; level 1 to 5, or else 3.")]
Language = Annotated[list[str] | None, typer.Option(metavar="CODE", help="A language by its ISO 639 code.")]
Limit = Annotated[str | None, typer.Option(metavar="N|policy", help="Most weight of all tickets held.")]
Weight = Annotated[list[str] | None, typer.Option(metavar="CHANNEL=N|policy", help="Weight of a ticket of it.")]
Most = Annotated[list[str] | None, typer.Option(metavar="CHANNEL=N|policy", help="Most tickets of it at once.")]


@agent.command()
def create(  # noqa: PLR0917 - typer reads options from parameters
    name: AgentName,
    team: Annotated[list[str] | None, typer.Option(help="A team of the policy; may be repeated.")] = None,
    skill: Skill = None,
    language: Language = None,
    limit: Limit = None,
    weight: Weight = None,
    most: Most = None,
) -> None:
    """Create an agent. To let them sign in, make a token: `frontdesk token create`."""

    async def work(agents: Agents) -> None:
        profile = _skilled(Profile(name=name, teams=frozenset(team or ())), skill or (), language or ())
        await agents.create(OPERATOR, _loaded(profile, limit, weight or (), most or ()))

    with_agents(work)
    typer.echo(f"created {name}")


@agent.command()
def change(  # noqa: PLR0917 - typer reads options from parameters
    name: AgentName,
    skill: Skill = None,
    language: Language = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="NAME|language:CODE", help="A skill or language to remove.")
    ] = None,
    limit: Limit = None,
    weight: Weight = None,
    most: Most = None,
) -> None:
    """Change an agent. What you do not name stays; the change applies from the next ticket on."""
    if not (skill or language or drop or limit or weight or most):
        give_up(Refused("There is nothing to change: give --skill, --language, --drop, --limit, --weight or --most."))

    def changed(profile: Profile) -> Profile:
        profile = _skilled(profile, skill or (), language or (), dropped=drop or ())
        return _loaded(profile, limit, weight or (), most or ())

    with_agents(lambda agents: agents.change(OPERATOR, name, changed))
    typer.echo(f"changed {name}")


@agent.command()
def show(name: AgentName) -> None:
    """Show an agent's teams, skills, capacity, presence and tickets."""
    card = with_agents(lambda agents: agents.show(EVERYBODY, name))
    for field, value in _lines(card):
        typer.echo(f"{field:10} {printable(value)}".rstrip())


@agent.command("list")
def list_agents(
    team: Annotated[str | None, typer.Option(help="Only agents of this team.")] = None,
    retired: Annotated[bool, typer.Option("--retired", help="Include retired agents.")] = False,
) -> None:
    """List all agents by name."""
    cards = with_agents(lambda agents: _every_card(agents, AgentFilter(team=team, with_retired=retired, limit=PAGE)))
    rows = [(c.name, ", ".join(c.teams), _skills(c), _counts(c.held), _presence_of(c)) for c in cards]
    print_table(("name", "teams", "skills", "holds", "presence"), rows)


@agent.command()
def retire(name: AgentName) -> None:
    """Retire an agent who holds no ticket. Their tokens end; their name stays in the history."""
    with_agents(lambda agents: agents.change(OPERATOR, name, lambda profile: replace(profile, is_retired=True)))
    typer.echo(f"retired {name}")


@agent.command()
def reinstate(name: AgentName) -> None:
    """Bring a retired agent back with their old teams and skills. They need a new token."""
    with_agents(lambda agents: agents.change(OPERATOR, name, lambda profile: replace(profile, is_retired=False)))
    typer.echo(f"reinstated {name}")


def with_agents(work: Callable[[Agents], Awaitable[T]]) -> T:
    """Run `work` on the agents of the deployment that the settings name."""

    async def managed(shared: Deployment) -> T:
        return await work(managed_agents(shared, load_policy(shared)))

    return with_deployment(managed)


def presence_words(presence: PresenceCard | None) -> str:
    """Say what an agent declared, and whether they are present at all."""
    if presence is None:
        return "never here"
    reason = f" ({presence.reason})" if presence.reason else ""
    return f"{presence.status}{reason}" if presence.is_live else f"gone since {presence.seen_at:%m-%d %H:%M}"


def _skilled(
    profile: Profile, skills: Collection[str], languages: Collection[str], *, dropped: Collection[str] = ()
) -> Profile:
    given = Skills.parse([*skills, *(f"language:{code}" for code in languages)])
    levels = {**profile.skills.levels, **given.levels}
    spoken = profile.skills.languages | given.languages
    for word in dropped:
        if word not in {*levels, *(f"language:{code}" for code in spoken)}:
            raise Invalid("--drop", f"{profile.name} does not have '{word}': name one of their skills or languages")
    kept = Skills(
        levels={name: level for name, level in levels.items() if name not in dropped},
        languages=spoken - {word.removeprefix("language:") for word in dropped if word.startswith("language:")},
    )
    return replace(profile, skills=kept)


def _loaded(profile: Profile, limit: str | None, weights: Sequence[str], most: Sequence[str]) -> Profile:
    return replace(
        profile,
        limit=profile.limit if limit is None else _number("--limit", limit),
        weights=_merged("--weight", profile.weights, weights),
        most=_merged("--most", profile.most, most),
    )


def _merged(option: str, kept: Mapping[str, int], given: Sequence[str]) -> Mapping[str, int]:
    numbers: dict[str, int | None] = dict(kept)
    for text in given:
        channel, equals, number = text.partition("=")
        if not equals:
            raise Invalid(option, f"'{text}' has no number: write chat=2, or chat=policy to use the policy's")
        numbers[channel] = _number(option, number)
    return {channel: number for channel, number in numbers.items() if number is not None}


def _number(option: str, text: str) -> int | None:
    if text == "policy":
        return None
    if not _NUMBER.fullmatch(text):
        raise Invalid(option, f"'{text}' is not a number: write one, or the word policy")
    return int(text)


async def _every_card(agents: Agents, wanted: AgentFilter) -> Sequence[AgentCard]:
    cards: list[AgentCard] = []
    while page := await agents.list(EVERYBODY, wanted):
        cards += page
        wanted = replace(wanted, after=page[-1].name)
    return cards


def _lines(card: AgentCard) -> Iterator[tuple[str, str]]:
    yield "name", card.name
    yield "teams", ", ".join(card.teams)
    yield "skills", _skills(card)
    yield "limit", "the policy's" if card.limit is None else str(card.limit)
    yield "weights", _counts(card.weights) or "the policy's"
    yield "most", _counts(card.most) or "the policy's"
    yield "holds", _counts(card.held) or "nothing"
    yield "presence", _presence_of(card)
    yield "made", f"{card.created_at:%Y-%m-%d}"


def _skills(card: AgentCard) -> str:
    skills = (f"{name}:{level}" for name, level in card.skills.items())
    return ", ".join((*skills, *(f"language:{code}" for code in card.languages)))


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{channel}={number}" for channel, number in sorted(numbers.items()))


def _presence_of(card: AgentCard) -> str:
    if card.retired_at:
        return f"retired {card.retired_at:%Y-%m-%d}"
    words = presence_words(card.presence)
    return f"{words}, draining" if card.is_draining else words
