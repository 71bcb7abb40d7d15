"""Commands that keep running: the roles, each alone or all in one process; and what prepares or isolates them."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from router.app import EVERYTHING, ProcessRole, running, settle_alone
from router.command.running import run, settings
from router.demo.run import demo as show
from router.local import child
from router.postgres.migrate import migrate as apply_migrations

commands = typer.Typer()


@commands.command()
def up() -> None:
    """Serve everything in one process, on the embedded defaults unless FRONTDESK_DATABASE_URL is set."""
    _serve(EVERYTHING)


@commands.command()
def api() -> None:
    """Serve the HTTP API: messages in, tickets to agents."""
    _serve(frozenset({ProcessRole.API}))


@commands.command()
def intake() -> None:
    """Take messages from the bus to tickets."""
    _serve(frozenset({ProcessRole.INTAKE}))


@commands.command()
def timers() -> None:
    """Do what time does: offers, leases and long waits end, queues are measured, what is old is deleted."""
    _serve(frozenset({ProcessRole.TIMERS}))


@commands.command()
def deliver() -> None:
    """Hand agents' replies to the bus."""
    _serve(frozenset({ProcessRole.DELIVER}))


@commands.command()
def demo(
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="End after so many seconds.")] = None,
) -> None:
    """The main job on embedded defaults with made-up customers and agents, live in the terminal; keeps nothing."""
    raise typer.Exit(run(show(settings(), seconds=seconds)))


@commands.command()
def migrate() -> None:
    """Bring the database's schema up to date; safe to run from many places at once."""
    loaded = settings()
    if loaded.database_url is None:
        typer.echo("The embedded database migrates itself when it starts.")
        return
    applied = run(apply_migrations(loaded.database_url))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "up to date")


@commands.command(hidden=True)
def isolate() -> None:
    """Settle the one delivery on standard input; intake does this with payloads that may kill their process.

    Ends with EX_TEMPFAIL where its surroundings or a signal kept it from settling anything.
    """
    child.limit()
    delivery = child.read(sys.stdin.buffer.read())
    try:
        run(settle_alone(settings(), delivery))
    except typer.Exit:
        raise typer.Exit(os.EX_TEMPFAIL) from None


def _serve(roles: frozenset[ProcessRole]) -> None:
    run(_until_told(roles), interrupted=0)


async def _until_told(roles: frozenset[ProcessRole]) -> None:
    loaded = settings()
    async with running(loaded, roles) as process:
        if loaded.log_format != "json":  # for collectors, the log has it in its own form
            typer.echo(f"Frontdesk answers on {process.address} (Ctrl-C ends it)", err=True)
        await asyncio.get_running_loop().create_future()
