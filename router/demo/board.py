"""The live table of the demonstration; if the output is no terminal, a plain line every two seconds."""

import asyncio
import time
from datetime import timedelta
from typing import NoReturn

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from channels.message import Channel
from router.demo.api import Api, Refused
from router.demo.figures import Figures, QueueFigures, read_figures
from router.demo.pace import HASTE, in_policy_time
from router.demo.staff import VISITOR
from router.flow.see.steps import spell
from router.policy.model import Policy

WIDTH = 80
_EVERY_S = 0.5
_LINE_EVERY_S = 2.0
_BAR = 8


class Board:
    """Shows the router's figures until cancelled; waits and targets are in the policy's time, as `policy` says them."""

    def __init__(self, console: Console, api: Api, address: str, *, policy: Policy, agent_token: str) -> None:
        self._console = console
        self._api = api
        self._address = address
        self._targets = targets(policy)
        self._agent_token = agent_token
        self._began = time.monotonic()

    async def run(self) -> NoReturn:
        await (self._draw() if self._console.is_terminal else self._write())

    async def _draw(self) -> NoReturn:
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                if figures := await self._figures():
                    live.update(self._page(figures), refresh=True)
                await asyncio.sleep(_EVERY_S)

    async def _write(self) -> NoReturn:
        self._console.print(self._addresses(), soft_wrap=True)
        while True:
            if figures := await self._figures():
                self._console.print(line(self._elapsed_s, figures), soft_wrap=True)
            await asyncio.sleep(_LINE_EVERY_S)

    async def _figures(self) -> Figures | None:
        """Return the figures; None if they were refused: the last ones stay on the board."""
        try:
            return await read_figures(self._api)
        except Refused:
            return None

    @property
    def _elapsed_s(self) -> int:
        return int(time.monotonic() - self._began)

    def _page(self, figures: Figures) -> RenderableType:
        return Group(
            Text(f"{title(self._elapsed_s)}\n", style="bold"),
            _queues(figures, self._targets),
            Text(),
            _channels(figures),
            Text(f"{_work(figures)}\n{_specialties(figures)}\n"),
            self._addresses(),
            Text(f"{pace_note()}\nCtrl-C stops the demo.", style="dim"),
        )

    def _addresses(self) -> Text:
        lines = (
            ("API", f"{self._address}/v1/queues"),
            ("token", f"{self._api.token}  (admin)"),
            ("token", f"{self._agent_token}  ({VISITOR}, an agent)"),
            ("OpenAPI", f"{self._address}/openapi.json"),
            ("metrics", f"{self._address}/metrics"),
        )
        return Text("\n").join(Text.assemble((f"{name:8}", "cyan"), value) for name, value in lines)


def title(elapsed_s: int) -> str:
    """Return the first line of the board."""
    return f"Frontdesk for {elapsed_s} s: made-up customers and agents, the real router"


def pace_note() -> str:
    return f"Waits and targets are in the policy's time: {60 // HASTE} s here are its minute."


def line(elapsed_s: int, figures: Figures) -> str:
    """Return the figures in a line of at most 80 columns."""
    start = f"{elapsed_s:3d} s  in {figures.taken_in}  waiting {figures.waiting}"
    end = (
        f"longest {spell(in_policy_time(figures.longest_wait_s))}  "
        f"assigned {figures.answered}, {figures.service_level} in time"
    )
    by_queue = f" ({', '.join(f'{queue.name} {queue.waiting}' for queue in figures.queues if queue.waiting)})"
    fits = figures.waiting and len(start) + len(by_queue) + 2 + len(end) <= WIDTH
    return f"{start}{by_queue if fits else ''}  {end}"


def targets(policy: Policy) -> dict[str, str]:
    """Return for each queue the shortest and the longest target of the routes to it."""
    of_queue: dict[str, list[timedelta]] = {}
    for route in policy.routes:
        of_queue.setdefault(route.queue, []).append(route.target)
    return {queue: _span(min(found), max(found)) for queue, found in of_queue.items()}


def _span(least: timedelta, most: timedelta) -> str:
    return spell(least) if least == most else f"{spell(least)} - {spell(most)}"


def _queues(figures: Figures, targets: dict[str, str]) -> Table:
    table = _table("queue", "team", "waiting", "longest", "targets", "assigned", "in time")
    for column in table.columns[3:]:
        column.justify = "right"
    for queue in figures.queues:
        longest = spell(in_policy_time(queue.longest_wait_s)) if queue.waiting else "-"
        target = targets.get(queue.name, "-")
        table.add_row(queue.name, queue.team, _bar(queue), longest, target, str(queue.answered), queue.service_level)
    longest = spell(in_policy_time(figures.longest_wait_s)) if figures.waiting else "-"
    table.add_row("all", "", f"{figures.waiting:>3}", longest, "", str(figures.answered), figures.service_level)
    return table


def _bar(queue: QueueFigures) -> Text:
    length = min(queue.waiting, _BAR)
    return Text.assemble(f"{queue.waiting:>3} ", ("█" * length, "yellow"), " " * (_BAR - length))


def _channels(figures: Figures) -> Table:
    received = figures.samples.by("channel", "router_messages_received_total")
    duplicates = figures.samples.by("channel", "router_messages_received_total", outcome="duplicate")
    unprocessable = figures.samples.by("channel", "router_messages_unprocessable_total")
    table = _table("channel", "received", "new tickets", "duplicates", "unprocessable")
    for column in table.columns[1:]:
        column.justify = "right"
    tickets = figures.samples.by("channel", "router_messages_received_total", outcome="queued")
    others = {channel for channel, count in unprocessable.items() if count} - set(Channel)
    for channel in (*Channel, *others):
        counts = (counted.get(channel, 0) for counted in (received, tickets, duplicates, unprocessable))
        table.add_row(channel, *map(str, counts))
    return table


def _table(*columns: str) -> Table:
    return Table(
        *columns, box=box.SIMPLE_HEAD, expand=True, show_edge=False, header_style="bold cyan", padding=(0, 1, 0, 0)
    )


def _work(figures: Figures) -> str:
    accepted, declined = figures.offers("accepted"), figures.offers("declined")
    lost = figures.offers("expired") + figures.offers("withdrawn")
    return f"offers: {accepted} accepted, {declined} declined, {lost} lapsed   replies {figures.replies}"


def _specialties(figures: Figures) -> str:
    joined, moved = figures.received("joined"), figures.transferred
    return f"resolved {figures.resolved}   transferred {moved}   joined across channels {joined}"
