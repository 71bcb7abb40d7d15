"""`python -m tests.faults.planted_reader` reads payloads like the product's reader, except that some do harm to it."""

import os
import signal
import sys
import time
from pathlib import Path

from channels.formats import parse as parse_as_shipped
from channels.message import Parsed
from router.local.opener import serve

COMMAND = (sys.executable, "-m", "tests.faults.planted_reader")
KILLS = b"kills its reader"
HANGS = b"hangs its reader"
FLOODS = b"floods its reader's memory"
PRINTS = b"makes its reader print"
CLOSES_INPUT = b"makes its reader read no more"
CLOSES_OUTPUT = b"makes its reader say no more"
KILLS_ONCE = b"ends its reader once, as this file says: "


def parse(format_: str, raw: bytes, account: str | None) -> Parsed:
    if KILLS in raw:
        os.kill(os.getpid(), signal.SIGKILL)
    if HANGS in raw:
        time.sleep(600)
    if FLOODS in raw:
        os._exit(len(bytearray(4 * 1024**3)) and 1)
    if CLOSES_INPUT in raw:
        os.close(sys.stdin.fileno())
    if CLOSES_OUTPUT in raw:
        os.closerange(3, 64)
    if PRINTS in raw:
        sys.stdout.write("a library says something\n" * 100)
        sys.stdout.flush()
    if KILLS_ONCE in raw:
        _kill_once(Path(raw.partition(KILLS_ONCE)[2].partition(b"\n")[0].decode()))
    return parse_as_shipped(format_, raw, account)


def _kill_once(mark: Path) -> None:
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve(parse)
