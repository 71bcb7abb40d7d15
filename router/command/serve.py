"""Commands that keep running: each role alone or all in one process, plus the commands that prepare or isolate them."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from router.app import EVERYTHING, ProcessRole, running, settle_alone
from router.command.running import run, settings
from router.demo.run import demo as show
from router.flow.run.patience import patiently
from router.local import child
from router.postgres.migrate import migrate as apply_migrations

commands = typer.Typer()


@commands.command()
def up() -> None:
    """Run everything in one process. It uses the embedded database unless FRONTDESK_DATABASE_URL is set."""
    _serve(EVERYTHING)


@commands.command()
def api() -> None:
    """Run the HTTP API: messages in, tickets to agents."""
    _serve(frozenset({ProcessRole.API}))


@commands.command()
def intake() -> None:
    """Run intake: turn messages from the bus into tickets."""
    _serve(frozenset({ProcessRole.INTAKE}))


@commands.command()
def timers() -> None:
    """Run the timers. They end offers, leases and long waits, measure queues and delete old data."""
    _serve(frozenset({ProcessRole.TIMERS}))


@commands.command()
def deliver() -> None:
    """Run delivery: send agents' replies to the bus."""
    _serve(frozenset({ProcessRole.DELIVER}))


@commands.command()
def demo(
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="End after this many seconds.")] = None,
) -> None:
    """Show Frontdesk at work with made-up customers and agents. It runs in the terminal and keeps nothing."""
    raise typer.Exit(run(show(settings(), seconds=seconds)))


@commands.command()
def migrate() -> None:
    """Update the database schema. Safe to run from many places at once."""
    loaded = settings()
    if loaded.database_url is None:
        typer.echo("The embedded database migrates itself when it starts.")
        return
    applied = run(apply_migrations(loaded.database_url))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "up to date")


@commands.command(hidden=True)
def isolate() -> None:
    """Process the one delivery on standard input. Intake uses this for payloads that may kill their process.

    Exits with EX_TEMPFAIL if a signal, or something outside the payload, kept it from processing.
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
    async with AsyncExitStack() as stack:
        process = await patiently(lambda: stack.enter_async_context(running(loaded, roles)))
        if loaded.log_format != "json":  # collectors get the same news from the log
            typer.echo(f"Frontdesk answers on {process.address} (Ctrl-C stops it)", err=True)
        await asyncio.get_running_loop().create_future()
