"""What others have written, on its way to a terminal or to a file."""

import os
import pty
from pathlib import Path

from router.command.terminal import write_bytes

OWNED = b"\x1b]0;owned\x07 line 1\r\n\tline \xff2\n"


def test_a_terminal_is_shown_bytes_that_cannot_steer_it():
    reading, writing = pty.openpty()
    with os.fdopen(writing, "wb", buffering=0) as terminal:
        write_bytes(OWNED, terminal)
        shown = os.read(reading, 1000).decode()
    os.close(reading)
    assert shown.splitlines() == ["\ufffd]0;owned\ufffd line 1", "        line \ufffd2"]


def test_a_file_gets_the_bytes_as_they_came(tmp_path: Path):
    with (tmp_path / "payload").open("wb") as file:
        write_bytes(OWNED, file)
    assert (tmp_path / "payload").read_bytes() == OWNED
