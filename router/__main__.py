"""The command line: `frontdesk`, or `python -m router`."""

import signal

# Ctrl-C while the program is still loading just ends it; the commands take the signal over.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer  # noqa: E402

from router.command import agents, integrate, operate, serve, teams  # noqa: E402

cli = typer.Typer(
    name="frontdesk",
    help="Omnichannel contact-center ticket router. Settings are environment variables: see docs/settings.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (serve, integrate, operate, agents, teams):
    cli.add_typer(part.commands)


def main() -> None:
    """Run the command that the arguments name."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli(prog_name="frontdesk")


if __name__ == "__main__":
    main()
