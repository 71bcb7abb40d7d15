"""Commands for operators: tokens, unprocessable payloads, customers, the intake switch, the bus."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Annotated

import typer

from router.app import INTAKE_SWITCH
from router.command.running import with_deployment
from router.command.terminal import counted, print_entry, print_table, printable, write_bytes
from router.deployment import RABBITMQ_SWITCH, Deployment, load_policy, publishing
from router.domain.actor import OPERATOR
from router.domain.agent import Person, Role
from router.domain.customer import CustomerId
from router.domain.errors import Invalid
from router.flow.intake.unprocessable import replay as replay_one
from router.flow.intake.unprocessable import require
from router.flow.work.erasure import Erased, Erasure

commands = typer.Typer()
token = typer.Typer(help="Tokens: who may use the API.", no_args_is_help=True)
unprocessable = typer.Typer(help="Payloads that could not become messages.", no_args_is_help=True)
customer = typer.Typer(help="Block a customer, set their tier, or erase them.", no_args_is_help=True)
intake_switch = typer.Typer(help="Stop and start intake. While off, messages wait.", no_args_is_help=True)
bus = typer.Typer(help="What carries messages: RabbitMQ or a PostgreSQL table.", no_args_is_help=True)
commands.add_typer(token, name="token")
commands.add_typer(unprocessable, name="unprocessable")
commands.add_typer(customer, name="customer")
commands.add_typer(intake_switch, name="switch")
commands.add_typer(bus, name="bus")

_LARGEST = 2**63 - 1
_ENTRY = "{:>6}  {:11}  {:7}  {:15}  {}"
_LONGEST_DAYS = 3650  # ten years: a longer life is no limit at all
Id = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=_LARGEST, help="As `frontdesk unprocessable list` shows it.")
]
CustomerArgument = Annotated[int, typer.Argument(metavar="CUSTOMER", min=1, max=_LARGEST, help="The customer's id.")]


@token.command()
def create(  # noqa: PLR0917 - typer reads options from parameters
    name: Annotated[str, typer.Argument(help="A name for the token, never used before.")],
    role: Annotated[Role, typer.Option(help="What the token may do.")],
    agent: Annotated[str | None, typer.Option(help="Agent's or lead's name; created if new.")] = None,
    team: Annotated[list[str] | None, typer.Option(help="A team of a new person; may be repeated.")] = None,
    skill: Annotated[list[str] | None, typer.Option(help="A skill of a new person; may be repeated.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=_LONGEST_DAYS, help="Days until it expires; default: never.")
    ] = None,
) -> None:
    """Create a token and print its secret. The secret is shown only once."""
    expires_in = timedelta(days=days) if days else None

    async def work(shared: Deployment) -> str:
        _check_known("--team", team or (), load_policy(shared).current().teams, kind="team")
        secret = await shared.tokens.create(
            name, role, agent_name=agent, teams=team or (), skills=skill or (), expires_in=expires_in
        )
        principal = await shared.tokens.principal_of(secret)
        if isinstance(principal, Person) and not principal.agent.teams:
            typer.echo(f"frontdesk: {agent} is in no team and will see no tickets: use `frontdesk team add`", err=True)
        return secret

    typer.echo(with_deployment(work))


@token.command("list")
def list_tokens() -> None:
    """List all tokens ever made. Their secrets are not stored."""
    rows = [
        (t.name, t.role, t.agent or "", _day(t.created_at), _day(t.expires_at), _day(t.revoked_at))
        for t in with_deployment(lambda shared: shared.tokens.list())
    ]
    print_table(("name", "role", "agent", "made", "expires", "revoked"), rows)


@token.command()
def revoke(name: Annotated[str, typer.Argument(help="As `frontdesk token list` shows it.")]) -> None:
    """Revoke a token. Every process refuses it within five seconds."""
    with_deployment(lambda shared: shared.tokens.revoke(name))
    typer.echo(f"revoked {name}")


@unprocessable.command("list")
def list_unprocessable(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    before: Annotated[int | None, typer.Option(help="Only lower ids than this: the next page.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Include replayed payloads.")] = False,
) -> None:
    """List the newest ones, with the stage that refused them and why."""
    kept = with_deployment(lambda shared: shared.unprocessable.newest(limit, before=before, pending=not everything))
    print_entry(_ENTRY.format("id", "when", "stage", "format", "account"), "why")
    for each in kept:
        facts = (each.id, f"{each.at:%m-%d %H:%M}", each.stage, each.format, each.account or "")
        print_entry(_ENTRY.format(*facts), each.detail)


@unprocessable.command()
def show(id: Id, raw: Annotated[bool, typer.Option(help="Only the bytes, as they came.")] = False) -> None:  # noqa: A002
    """Show one payload: why it was refused, and its bytes."""
    kept, delivery = with_deployment(lambda shared: require(id, shared.unprocessable))
    if not raw:
        for field in ("id", "at", "format", "account", "stage", "reason", "detail", "size", "replayed_at"):
            typer.echo(f"{field:12} {printable(str(getattr(kept, field)))}")
        typer.echo()
    write_bytes(delivery.body, typer.get_binary_stream("stdout"))


@unprocessable.command()
def replay(ids: Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=_LARGEST)]) -> None:
    """Process payloads again, after you have fixed what refused them."""

    async def work(shared: Deployment) -> None:
        async with publishing(shared) as publisher:
            for id_ in dict.fromkeys(ids):
                await replay_one(id_, shared.unprocessable, publisher)
                typer.echo(f"replayed {id_}")

    with_deployment(work)
    typer.echo("Payloads that are refused again get a new id: see `frontdesk unprocessable list`.")


@customer.command()
def block(customer_id: CustomerArgument) -> None:
    """Block a customer: their messages are kept but make no tickets."""
    with_deployment(lambda shared: shared.customers.set_blocked(OPERATOR, CustomerId(customer_id), blocked=True))
    typer.echo(f"blocked {customer_id}")


@customer.command()
def unblock(customer_id: CustomerArgument) -> None:
    """Unblock a customer: their messages make tickets again."""
    with_deployment(lambda shared: shared.customers.set_blocked(OPERATOR, CustomerId(customer_id), blocked=False))
    typer.echo(f"unblocked {customer_id}")


@customer.command("tier")
def set_tier(
    customer_id: CustomerArgument,
    tier: Annotated[str | None, typer.Argument(metavar="TIER", help="A tier of the policy; omit to unset.")] = None,
) -> None:
    """Set a customer's tier, whatever tier their addresses give. It applies from the next ticket on."""

    async def work(shared: Deployment) -> None:
        known = [name for name, _ in load_policy(shared).current().tiers]
        _check_known("TIER", [tier] if tier is not None else [], known, kind="tier")
        await shared.customers.set_tier(OPERATOR, CustomerId(customer_id), tier)

    with_deployment(work)
    typer.echo(f"{customer_id} is in tier {tier}" if tier else f"{customer_id} is in the tier its addresses give")


@customer.command()
def erase(
    customer_id: CustomerArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a customer for good. This removes words, addresses, raw bytes and attachments; ids and times stay."""
    if not yes:
        with_deployment(lambda shared: shared.customers.require(CustomerId(customer_id)))
        typer.confirm(f"Erase customer {customer_id}? This cannot be undone", abort=True)

    async def work(shared: Deployment) -> Erased:
        return await Erasure(store=shared.customers, metrics=shared.metrics).erase(OPERATOR, CustomerId(customer_id))

    erased = with_deployment(work)
    typer.echo(f"erased {counted(erased.handles, 'handle')} and the words of {counted(erased.messages, 'message')}")


@intake_switch.command()
def off() -> None:
    """Stop intake in every process, within seconds."""
    with_deployment(lambda shared: shared.operations.turn(INTAKE_SWITCH, on=False))
    typer.echo("intake is off: messages stay in the broker")


@intake_switch.command()
def on() -> None:
    """Start intake again."""
    with_deployment(lambda shared: shared.operations.turn(INTAKE_SWITCH, on=True))
    typer.echo("intake is on")


@intake_switch.command()
def status() -> None:
    """Say whether intake is on."""
    is_on = with_deployment(lambda shared: shared.operations.is_on(INTAKE_SWITCH))
    typer.echo(f"intake is {'on' if is_on else 'off'}")


@bus.command()
def table() -> None:
    """Stop using RabbitMQ. First end every process that uses it: if one starts again, it undoes this."""
    with_deployment(lambda shared: shared.operations.turn(RABBITMQ_SWITCH, on=False))
    typer.echo("the bus is now the table in PostgreSQL; messages still in RabbitMQ stay there")


def _check_known(argument: str, names: Iterable[str], known: Collection[str], *, kind: str) -> None:
    for name in names:
        if name not in known:
            raise Invalid(argument, f"'{name}' is not a {kind} of the policy, which has {', '.join(known) or 'none'}")


def _day(moment: object) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""
