"""The results of the demonstration, and why one ticket went where it did."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console

from router.demo.api import Api
from router.demo.figures import Figures
from router.flow.intake.unprocessable import Kept

_BECAME = (
    ("queued", "new tickets"),
    ("continued", "continued an open ticket"),
    ("joined", "joined across channels"),
    ("reopened", "reopened a ticket"),
    ("duplicate", "duplicates, ignored"),
    ("blocked", "from blocked senders"),
)


def print_summary(console: Console, figures: Figures, published: int, refused: Iterable[Kept]) -> None:
    """Print the totals; the lines under "messages in" add up to it."""
    lines = [*_totals(figures, published, refused), *_work(figures)]
    console.print("\nSummary", style="bold")
    _print(console, lines)


def _totals(figures: Figures, published: int, refused: Iterable[Kept]) -> Iterator[str]:
    yield _counted(figures.taken_in, f"messages in, of {published} published")
    for outcome, meaning in _BECAME:
        yield _counted(figures.received(outcome), meaning, indent=2)
    loops = figures.received("attached") + figures.received("set_aside")
    yield _counted(loops, "mail loops stopped: auto-replies and bounces", indent=2)
    yield _counted(figures.unprocessable, "unprocessable, kept for the operator", indent=2)
    for kept in refused:
        yield f"{'':9}the latest is {kept.format}: {kept.detail}"


def _work(figures: Figures) -> Iterator[str]:
    yield _counted(figures.answered, f"answered, {figures.service_level} within their route's target")
    yield _counted(figures.replies, "replies")
    yield _counted(figures.transferred, "transferred to another team")
    yield _counted(figures.resolved, "resolved")
    yield _counted(figures.waiting, "still waiting")


def _counted(number: int, what: str, *, indent: int = 0) -> str:
    return f"{'':{indent}}{number:5d}  {what}"


async def print_example(console: Console, api: Api, handle: str) -> None:
    """Print why a customer's latest ticket is where it is; print nothing if there is no ticket."""
    found = (await api.get("/v1/tickets", handle=handle, limit=1))["tickets"]
    if not found:
        return
    number = found[0]["id"]
    page = await api.get(f"/v1/tickets/{number}")
    events = (await api.get(f"/v1/tickets/{number}/history"))["events"]
    console.print(f"\nWhy ticket {number} is where it is", style="bold")
    _print(console, (*_decision(page), *_messages(page, events)))


def _decision(page: Any) -> Iterator[str]:
    ticket, decision = page["ticket"], page["decision"]
    yield f"  route     {decision['route']} -> queue {ticket['queue']}, team {ticket['team']}; {ticket['state']} now"
    yield f"  triage    {decision['complexity']}, {decision['probability']:.0%} likely to be complex"
    for reason in decision["reasons"]:
        yield f"            {reason['weight']:+.1f}  {reason['words']}"


def _messages(page: Any, events: Any) -> Iterator[str]:
    messages = {entry["id"]: entry for entry in page["transcript"]}
    for event in events:
        message, because = messages.get(event["data"].get("message")), event["data"]
        if message and "identify" in because:  # the others are answers, notes, and what no person wrote
            yield f"  {message['channel']:9} {message['text']}"
            yield from (f"{'':12}{line}" for line in _evidence(because))


def _evidence(because: Any) -> Iterator[str]:
    yield f"identity: {because['identify']}; thread: {because['thread'].replace('_', ' ')}"
    if because.get("joined"):
        yield f"joined: a ticket is open, and route {because['route']} leads to its team"


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal, markup=False)
