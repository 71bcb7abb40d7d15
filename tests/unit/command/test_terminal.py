"""What others have written, on its way to a terminal or to a file."""

import os
import pty
from pathlib import Path

import pytest

from router.command.terminal import print_entry, print_table, write_bytes

OWNED = b"\x1b]0;owned\x07 line 1\r\n\tline \xff2\n"


def test_a_terminal_is_shown_bytes_that_cannot_steer_it():
    reading, writing = pty.openpty()
    with os.fdopen(writing, "wb", buffering=0) as terminal:
        write_bytes(OWNED, terminal)
        shown = b""
        while shown.count(b"\n") < 2:  # a terminal may hand over a part at a time
            shown += os.read(reading, 1000)
    os.close(reading)
    assert shown.decode().splitlines() == ["\ufffd]0;owned\ufffd line 1", "        line \ufffd2"]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.usefixtures("narrow")
def test_a_narrow_table_leaves_nothing_out(capsys: pytest.CaptureFixture[str]):
    print_table(("format", "why"), [("social.whatsapp", "x" * 60)])
    shown = capsys.readouterr().out
    assert (shown.count("x"), "…" in shown) == (60, False)
    assert "".join(line[:10].strip() for line in shown.splitlines()[3:]).startswith("social.w")


@pytest.mark.usefixtures("narrow")
def test_the_words_of_an_entry_have_the_whole_width(capsys: pytest.CaptureFixture[str]):
    print_entry("7  receive  email.rfc822", "the body is no mail: it has\nno headers")
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "7  receive  email.rfc822",
        "        the body is no mail: it has\ufffdno",
        "        headers",
    ]


def test_a_file_gets_the_bytes_as_they_came(tmp_path: Path):
    with (tmp_path / "payload").open("wb") as file:
        write_bytes(OWNED, file)
    assert (tmp_path / "payload").read_bytes() == OWNED
