"""Prints tables, and makes text from other people safe to show."""

from collections.abc import Sequence
from typing import BinaryIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*(Column(name, overflow="fold") for name in columns), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


def print_entry(facts: str, words: str) -> None:
    """Print a line of facts, and the words below it over the whole width."""
    Console().print(Text(printable(facts)), Padding(Text(printable(words)), (0, 0, 0, 8)))


def printable(text: str) -> str:
    """Replace characters that could control the terminal or change the reading direction: senders choose the text."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def write_bytes(body: bytes, out: BinaryIO) -> None:
    """Write bytes as they are; on a terminal, write only what cannot control it."""
    if not out.isatty():
        out.write(body)
        return
    lines = body.decode(errors="replace").expandtabs().splitlines()
    out.write("".join(f"{printable(line)}\n" for line in lines).encode())


def counted(number: int, noun: str) -> str:
    """Return `1 handle`, `2 handles`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
