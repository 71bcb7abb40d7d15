"""`frontdesk held`: messages that were set aside without a ticket."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from channels.message import Automatic
from router.app import Deployment, held_messages, load_policy
from router.command.running import with_deployment
from router.command.terminal import print_entry, print_table, printable, write_bytes
from router.domain.actor import OPERATOR
from router.flow.intake.held import Held, HeldMessage, HeldSearch
from router.flow.run.bus import Delivery

commands = typer.Typer()
held = typer.Typer(help="Messages set aside without a ticket, because no person seems to write.", no_args_is_help=True)
commands.add_typer(held, name="held")

T = TypeVar("T")
_LARGEST = 2**63 - 1
_ENTRY = "{:>6}  {:11}  {:16}  {:7}  {}"
Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=_LARGEST, help="As `frontdesk held list` shows it.")]


@held.command("list")
def list_held(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    before: Annotated[int | None, typer.Option(help="Only lower ids than this: the next page.")] = None,
    reason: Annotated[Automatic | None, typer.Option(help="Only what is held for this reason.")] = None,
) -> None:
    """List the newest ones: why they are held, who sent them, and their subject."""
    found = _with_held(lambda messages: messages.newest(HeldSearch(limit=limit, before=before, reason=reason)))
    print_entry(_ENTRY.format("id", "when", "reason", "channel", "from"), "subject")
    for each in found:
        facts = (each.id, f"{each.at:%m-%d %H:%M}", each.reason, each.channel, each.author)
        print_entry(_ENTRY.format(*facts), each.subject or each.text[:80])


@held.command()
def show(id: Id, raw: Annotated[bool, typer.Option(help="Only the bytes, as they came.")] = False) -> None:  # noqa: A002
    """Show one message: why it is held, and its words."""

    async def work(messages: Held) -> tuple[HeldMessage, Delivery | None]:
        return await messages.show(id), await messages.payload(id) if raw else None

    message, delivery = _with_held(work)
    if delivery:
        write_bytes(delivery.body, typer.get_binary_stream("stdout"))
        return
    for field in ("id", "at", "reason", "channel", "account", "external_id", "author", "subject"):
        typer.echo(f"{field:12} {printable(str(getattr(message, field) or ''))}".rstrip())
    typer.echo()
    write_bytes(f"{message.text}\n".encode(), typer.get_binary_stream("stdout"))


@held.command()
def release(ids: Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=_LARGEST)]) -> None:
    """Take messages in as a person's: each gets its ticket. A second release changes nothing."""

    async def work(messages: Held) -> None:
        for id_ in dict.fromkeys(ids):
            freed = await messages.release(OPERATOR, id_)
            typer.echo(f"released {id_}: ticket {freed.ticket_id}")

    _with_held(work)


@held.command()
def count() -> None:
    """Say how many messages are held, by reason."""
    counts = _with_held(Held.counts)
    rows = [(reason, str(number)) for reason, number in counts.items()]
    print_table(("reason", "held"), [*rows, ("all", str(sum(counts.values())))])


def _with_held(work: Callable[[Held], Awaitable[T]]) -> T:
    async def connected(shared: Deployment) -> T:
        return await work(await held_messages(shared, load_policy(shared).current))

    return with_deployment(connected)
