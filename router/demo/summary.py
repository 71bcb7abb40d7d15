"""The results of the demonstration, and why one ticket went where it did."""

from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter
from rich.console import Console

from router.demo.api import Api, Refusals
from router.demo.figures import Figures
from router.demo.pace import HASTE
from router.flow.intake.unprocessable import Kept
from router.flow.see.explanation import Explained
from router.flow.see.telling import lines

_BECAME = (
    ("queued", "new tickets"),
    ("continued", "continued an open ticket"),
    ("joined", "joined across channels"),
    ("reopened", "reopened a ticket"),
    ("duplicate", "duplicates, ignored"),
    ("blocked", "from blocked senders"),
)


_EXPLAINED = TypeAdapter(Explained)


def print_summary(
    console: Console, figures: Figures, published: int, refused: Iterable[Kept], refusals: Refusals
) -> None:
    """Print the totals; the lines under "messages in" add up to it, and the waits to those that ended or go on."""
    totals = [*_totals(figures, published, refused), *_work(figures), *_refused(refusals)]
    console.print("\nSummary", style="bold")
    _print(console, totals)


def _totals(figures: Figures, published: int, refused: Iterable[Kept]) -> Iterator[str]:
    yield _counted(figures.taken_in, f"messages in, of {published} published")
    for outcome, meaning in _BECAME:
        yield _counted(figures.received(outcome), meaning, indent=2)
    loops = figures.received("attached") + figures.received("set_aside")
    yield _counted(loops, "need no answer: auto-replies, bounces, and chats that were left", indent=2)
    yield _counted(figures.unprocessable, "unprocessable, kept for the operator", indent=2)
    for kept in refused:
        yield f"{'':9}the latest is {kept.format}: {kept.detail}"


def _work(figures: Figures) -> Iterator[str]:
    yield _counted(figures.answered, f"assigned to an agent, {figures.service_level} within their route's target")
    ended = ", ".join(f"{figures.offers(outcome)} {outcome}" for outcome in ("declined", "expired", "withdrawn"))
    yield _counted(figures.offers("accepted"), f"after an offer; other offers: {ended}", indent=2)
    yield _counted(figures.left, "left by the customer before an agent had them")
    yield _counted(figures.replies, "replies")
    yield _counted(figures.transferred, "transferred to another team")
    yield _counted(figures.resolved, "resolved")
    yield _counted(figures.waiting, "still waiting")
    yield _counted(figures.offered, "just offered to an agent")


def _refused(refusals: Refusals) -> Iterator[str]:
    if refusals.count:
        yield _counted(refusals.count, "requests of agents and board refused; they went on")
        yield f"{'':7}the latest is {refusals.latest}"


def _counted(number: int, what: str, *, indent: int = 0) -> str:
    return f"{'':{indent}}{number:5d}  {what}"


async def print_example(console: Console, api: Api, handle: str) -> None:
    """Print why a customer's latest ticket is where it is; print nothing if there is no ticket."""
    found = (await api.get("/v1/tickets", handle=handle, limit=1))["tickets"]
    if found:
        why = _EXPLAINED.validate_python(await api.get(f"/v1/tickets/{found[0]['id']}/why"))
        _print(console, lines(why))
        _print(console, [f"(Times are real here: the policy's minute took {60 // HASTE} seconds.)"])


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal, markup=False)
