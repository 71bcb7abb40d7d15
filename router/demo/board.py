"""The live table of the demonstration; if the output is no terminal, a plain line every two seconds."""

import asyncio
import time
from typing import NoReturn

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from channels.message import Channel
from router.demo.api import Api
from router.demo.figures import Figures, QueueFigures, read_figures
from router.demo.pace import HASTE

_EVERY_S = 0.5
_LINE_EVERY_S = 2.0
_BAR = 14


class Board:
    """Shows the router's figures until cancelled."""

    def __init__(self, console: Console, api: Api, address: str) -> None:
        self._console = console
        self._api = api
        self._address = address
        self._began = time.monotonic()

    async def run(self) -> NoReturn:
        await (self._draw() if self._console.is_terminal else self._write())

    async def _draw(self) -> NoReturn:
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                live.update(self._page(await read_figures(self._api)), refresh=True)
                await asyncio.sleep(_EVERY_S)

    async def _write(self) -> NoReturn:
        self._console.print(self._addresses(), soft_wrap=True)
        while True:
            self._console.print(_line(self._elapsed_s, await read_figures(self._api)), soft_wrap=True)
            await asyncio.sleep(_LINE_EVERY_S)

    @property
    def _elapsed_s(self) -> int:
        return int(time.monotonic() - self._began)

    def _page(self, figures: Figures) -> RenderableType:
        title = f"Frontdesk has been running for {self._elapsed_s} s: made-up customers and agents, the real router"
        return Group(
            Text(f"{title}\n", style="bold"),
            _queues(figures),
            Text(),
            _channels(figures),
            Text(f"replies {figures.replies}   resolved {figures.resolved}   {_specialties(figures)}\n"),
            self._addresses(),
            Text(f"A minute of the policy takes {60 // HASTE} seconds here. Ctrl-C stops the demo.", style="dim"),
        )

    def _addresses(self) -> Text:
        lines = (
            ("API", f"{self._address}/v1/queues"),
            ("token", self._api.token),
            ("OpenAPI", f"{self._address}/openapi.json"),
            ("metrics", f"{self._address}/metrics"),
        )
        return Text("\n").join(Text.assemble((f"{name:8}", "cyan"), value) for name, value in lines)


def _line(elapsed_s: int, figures: Figures) -> str:
    by_queue = ", ".join(f"{queue.name} {queue.waiting}" for queue in figures.queues)
    return (
        f"{elapsed_s:3d} s  in {figures.taken_in}  waiting {figures.waiting} ({by_queue})  "
        f"longest {figures.longest_wait_s:.0f} s  answered {figures.answered}, {figures.service_level} in time"
    )


def _queues(figures: Figures) -> Table:
    table = _table("queue", "team", "waiting", "longest wait", "answered", "in time")
    for column in table.columns[3:]:
        column.justify = "right"
    for queue in figures.queues:
        longest = f"{queue.longest_wait_s:.0f} s" if queue.waiting else "-"
        table.add_row(queue.name, queue.team, _bar(queue), longest, str(queue.answered), queue.service_level)
    longest = f"{figures.longest_wait_s:.0f} s" if figures.waiting else "-"
    table.add_row("all", "", str(figures.waiting), longest, str(figures.answered), figures.service_level)
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
    return Table(*columns, box=box.SIMPLE_HEAD, expand=True, show_edge=False, header_style="bold cyan")


def _specialties(figures: Figures) -> str:
    loops = figures.received("attached") + figures.received("set_aside")
    return f"joined across channels {figures.received('joined')}   mail loops ended {loops}"
