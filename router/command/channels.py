"""Commands for the file of accounts at providers."""

from pathlib import Path
from typing import Annotated

import typer

from router.accounts.model import Account, Keys, SecretPlace
from router.command.running import give_up, settings
from router.domain.errors import Invalid
from router.files.checked import FileError
from router.local.accounts_file import AccountsFile

commands = typer.Typer()
channels = typer.Typer(help="The file of accounts at providers.", no_args_is_help=True)
commands.add_typer(channels, name="channels")


@channels.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file; by default the one in use here.", dir_okay=False)
    ] = None,
) -> None:
    """Say what is wrong with the accounts, and what to enter at each provider. Exit 1 if something is wrong."""
    path = file or settings().channels_path
    if path is None:
        give_up(Invalid("FILE", "is missing, and FRONTDESK_CHANNELS_PATH names none"))
    try:
        keys = AccountsFile(path).read()
    except FileError as exc:
        for problem in exc.problems:
            typer.echo(problem)
        raise typer.Exit(1) from exc
    for account in keys.accounts.by_name.values():
        _show(account, keys)
    if not keys.accounts.public_url:
        typer.echo("public_url is not set: providers must reach this server under the name that they are given")
    if keys.problems():
        raise typer.Exit(1)


def _show(account: Account, keys: Keys) -> None:
    typer.echo(f"{account.name}: {account.channel} by {account.provider}, {account.address}")
    typer.echo(f"  enter {keys.accounts.public_url or 'https://HOST'}{account.path}")
    typer.echo(f"    {account.hook.enter}")
    for name, places in account.secrets.items():
        typer.echo(f"  {name} is {account.hook.secrets[name]}")
        for place in places:
            typer.echo(f"    {_found(place, keys)} in {place}")


def _found(place: SecretPlace, keys: Keys) -> str:
    return "found" if place in keys.secrets else "MISSING"
