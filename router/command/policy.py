"""Commands for the policy file: check it, try a message on it, and run the tests beside it. None needs a server."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from channels.formats import CANONICAL, FORMATS, parse
from channels.message import Channel
from router.command.running import give_up, settings
from router.command.terminal import counted, print_table, printable
from router.domain.errors import FrontdeskError, Invalid
from router.files.checked import FileError
from router.flow.intake.opening import Arrival, Opener
from router.flow.intake.trial import Supposed, Trial, differences, sample_delivery, supposed, try_out
from router.flow.run.bus import Delivery
from router.local.text_file import read_text
from router.policy.checks import warnings_of
from router.policy.fields import duration
from router.policy.model import Policy
from router.policy.parse import parse_policy
from router.policy.samples import PolicyTest, SampleMessage, parse_tests

commands = typer.Typer()
policy = typer.Typer(help="The policy file: check it, try it, test it.", no_args_is_help=True)
commands.add_typer(policy, name="policy")

PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="The policy file; by default the one in use here.", dir_okay=False),
]


@policy.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)]) -> None:
    """Check a policy file and print a line for each fault, and for what is allowed but hardly meant."""
    parsed = _parsed(file)
    for warning in warnings_of(parsed):
        typer.echo(f"warning: {warning}")
    typer.echo(f"version {parsed.version}: {len(parsed.queues)} queues, {len(parsed.routes)} routes")


@policy.command("try")
def try_(
    file: Annotated[typer.FileBinaryRead | None, typer.Argument(metavar="[FILE]", help="A payload.")] = None,
    *,
    format_: Annotated[str, typer.Option("--format", help=f"Its format: {', '.join(FORMATS)}.")] = CANONICAL,
    text: Annotated[str | None, typer.Option(help="What the message says, instead of a payload.")] = None,
    subject: Annotated[str, typer.Option(help="Its subject.")] = "",
    channel: Annotated[Channel, typer.Option(help="How it comes in.")] = Channel.EMAIL,
    sender: Annotated[str, typer.Option("--from", help="The sender; by default a stranger.")] = "",
    account: Annotated[str, typer.Option(help="Our side of the channel.")] = "",
    tier: Annotated[str | None, typer.Option(help="The tier in the customer's record.")] = None,
    returning: Annotated[bool, typer.Option("--returning", help="The customer has written before.")] = False,
    policy_file: PolicyFile = None,
) -> None:
    """Say where a message would go, why there, and why not elsewhere. Sends nothing."""
    if (file is None) == (text is None):
        give_up(Invalid("FILE", "name either a payload or --text"))
    parsed = _parsed(policy_file or settings().policy_path)
    if file:
        if format_ not in FORMATS:
            give_up(Invalid("--format", f"'{format_}' is unknown: choose one of {', '.join(FORMATS)}"))
        delivery = Delivery(file.read(), format=format_, account=account or None)
    else:
        sample = {"channel": channel, "from": sender, "account": account, "subject": subject, "text": text}
        delivery = sample_delivery(SampleMessage.model_validate(sample))
    for arrival in _arrivals(delivery, parsed):
        trial = try_out(arrival, Supposed(tier=tier, is_returning=returning), parsed)
        _show(arrival, trial)


@policy.command("test")
def run_tests(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The tests; by default those beside the policy.")
    ] = None,
    policy_file: PolicyFile = None,
) -> None:
    """Run the tests beside the policy: POLICY.tests.yaml. Exit 1 if a message goes elsewhere than it has to."""
    path = policy_file or settings().policy_path
    parsed = _parsed(path)
    tests = _tests(file or path.with_suffix(".tests.yaml"))
    failed = [test for test in tests if not _passes(test, parsed)]
    typer.echo(f"{counted(len(tests), 'test')}, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


def _parsed(file: Path) -> Policy:
    try:
        return parse_policy(read_text(file))
    except FileError as exc:
        _tell(exc)


def _tests(file: Path) -> tuple[PolicyTest, ...]:
    try:
        return parse_tests(read_text(file))
    except FileError as exc:
        typer.echo(f"{file}:", err=True)
        _tell(exc)


def _tell(faults: FileError) -> NoReturn:
    for problem in faults.problems:
        typer.echo(problem)
    raise typer.Exit(1) from faults


def _arrivals(delivery: Delivery, parsed: Policy) -> tuple[Arrival, ...]:
    opened = Opener(parse, b"", lambda: parsed.triage.languages).open(delivery)
    if opened.flaw:
        give_up(FrontdeskError(opened.flaw.detail))
    return opened.arrivals


def _passes(test: PolicyTest, parsed: Policy) -> bool:
    (arrival,) = _arrivals(sample_delivery(test.message), parsed)
    trial = try_out(arrival, supposed(test.customer), parsed)
    wrong = differences(trial, test.expect)
    if wrong:
        typer.echo(f"FAILED {printable(test.name)}: {'; '.join(wrong)} (route '{trial.routing.route}' decided)")
    return not wrong


def _show(arrival: Arrival, trial: Trial) -> None:
    message, asked = arrival.message, trial.routing.requirement
    typer.echo(f"{message.channel} from {printable(message.sender.value)} to {printable(message.account)}")
    if trial.no_ticket:
        typer.echo(f"begins no ticket: {trial.no_ticket}; otherwise:")
    typer.echo(f"queue {asked.queue} of team {asked.team}, to be answered within {duration(trial.routing.target)}")
    if asked.skills:
        typer.echo(f"for an agent with {', '.join(asked.skills)}")
    typer.echo(
        f"{trial.triage.complexity} (the probability of complex is {trial.triage.probability:.2f}), "
        f"language {trial.triage.language or 'unknown'}"
    )
    if trial.triage.reasons:
        reasons = [(each.signal, f"{each.weight:+.1f}", each.words) for each in trial.triage.reasons]
        print_table(("signal", "weight", "because"), reasons)
    print_table(("route", "decides"), [(each.route, each.why_not or "yes") for each in trial.considered])
