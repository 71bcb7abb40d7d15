"""Commands for people who write channel integrations: send a payload, or see what is wrong with it."""

from collections.abc import Sequence
from typing import Annotated

import typer

from channels.errors import Malformed
from channels.formats import CANONICAL, FORMATS, parse, routing_key, validate
from channels.message import InboundMessage
from router.command.running import QUIET, give_up, run, settings
from router.command.terminal import printable
from router.deployment import deployment, publishing
from router.domain.errors import Invalid
from router.flow.run.bus import Exchange, Publication
from router.flow.see.messages import status_path

commands = typer.Typer()

File = Annotated[typer.FileBinaryRead, typer.Argument(metavar="FILE", help="The payload; - is standard input.")]
Format = Annotated[
    str | None, typer.Option(help=f"One of {', '.join(FORMATS)}; the first is the default.", show_default=False)
]
Account = Annotated[str | None, typer.Option(help="Our side of the channel, if the payload does not say it.")]


@commands.command()
def send(file: File, format: Format = None, account: Account = None) -> None:  # noqa: A002
    """Publish a payload as an integration would. When the command returns, the payload is durable.

    To send a payload that could not be processed, name its format.
    """
    chosen = _known(format)
    body = file.read()
    if format is None and (problems := validate(chosen, body)):
        give_up(Invalid("--format", f"is missing, and the payload is not valid {chosen}: {problems[0]}"))
    run(_publish(body, chosen, account))
    typer.echo("confirmed")
    for message in _messages(chosen, body, account):
        typer.echo(f"{printable(message.external_id)}: ask GET {status_path(message.key)} what became of it")


@commands.command("validate")
def validate_(file: File, format: Format = None, account: Account = None) -> None:  # noqa: A002
    """Say what is wrong with a payload, or what it contains. Needs no server."""
    chosen = _known(format)
    raw = file.read()
    problems = validate(chosen, raw, account)
    for problem in problems:
        typer.echo(problem)
    if problems and format is None:
        typer.echo(f"The payload was read as {chosen}; use --format to name another format.", err=True)
    if problems:
        raise typer.Exit(1)
    parsed = parse(chosen, raw, account)
    for message in parsed.messages:
        typer.echo(f"{message.channel} {message.account} {message.external_id} from {message.sender.key}")
    for status in parsed.statuses:
        typer.echo(f"status {status.status} of {status.external_id}")


def _known(format_: str | None) -> str:
    if format_ is None:
        return CANONICAL
    if format_ not in FORMATS:
        give_up(Invalid("--format", f"'{format_}' is unknown: choose one of {', '.join(FORMATS)}"))
    return format_


def _messages(format_: str, body: bytes, account: str | None) -> Sequence[InboundMessage]:
    """Return the messages in the payload; none if it cannot be read, which is for intake to say."""
    try:
        return parse(format_, body, account).messages
    except Malformed:
        return ()


async def _publish(body: bytes, format_: str, account: str | None) -> None:
    async with deployment(settings(log_level=QUIET), name="send") as shared, publishing(shared) as publisher:
        await publisher.publish(
            Publication(
                exchange=Exchange.INBOUND,
                routing_key=routing_key(_channel(format_, body, account), format_),
                format=format_,
                body=body,
                account=account,
            )
        )


def _channel(format_: str, body: bytes, account: str | None) -> str:
    """Return the channel for the routing key. An unreadable payload is sent too, and kept as it is."""
    known = FORMATS[format_].channel
    if known:
        return known
    try:
        return str(next(iter(parse(format_, body, account).messages)).channel)
    except (Malformed, StopIteration):
        return "unknown"
