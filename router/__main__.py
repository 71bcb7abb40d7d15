"""The command line: `frontdesk`, or `python -m router`."""

import errno
import os
import signal
import sys

# While the program loads, Ctrl-C just ends it. Later the commands handle the signal.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from importlib.metadata import version  # noqa: E402
from typing import Annotated  # noqa: E402

import typer  # noqa: E402

from router.command import agents, channels, explain, held, integrate, operate, policy, serve, teams  # noqa: E402

cli = typer.Typer(
    name="frontdesk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (serve, integrate, channels, operate, explain, held, policy, agents, teams):
    cli.add_typer(part.commands)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"frontdesk {version('frontdesk')}")
        raise typer.Exit


@cli.callback()
def frontdesk(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Omnichannel contact-center ticket router. Settings are environment variables: see docs/settings.md."""


def main() -> None:
    """Run the command that the arguments name."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        try:
            cli(prog_name="frontdesk")
        finally:
            sys.stdout.flush()
    except OSError as exc:
        if exc.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}:
            raise
        sys.stderr.write(f"frontdesk: cannot write the output: {exc.strerror}\n")
        os._exit(1)  # a normal exit would try to write again


if __name__ == "__main__":
    main()
