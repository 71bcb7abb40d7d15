"""Which lines of a mail are quoted (q), which introduce a quote (i), and which were written for the mail (w)."""

from time import process_time

import pytest

from channels import formats
from channels.email.reply import lines_of
from channels.message import InboundMessage

HEAD = b"From: Ada <ada@example.com>\nTo: support@acme.example\nMessage-ID: <m@example.com>\n"
WORDS = "Did it work?"
ENGLISH = f"From: Desk <d@acme.example>\nSent: Monday, March 2, 2026 10:00\nTo: Ada\nSubject: Invoice\n\n{WORDS}"
GERMAN = f"Von: Desk <d@acme.example>\nGesendet: Montag, 2. März 2026 10:00\nAn: Ada\nBetreff: Rechnung\n\n{WORDS}"

QUOTED = {
    "no quote": ("No quote here.\nDate: today\nTo: you", ""),
    "only a quote": (f"> {WORDS}", "q"),
    "markers without a space, and a blank line": (f">{WORDS}\n>\n>>{WORDS}\nYes.", "qqqw"),
    "an answer below": (f"> {WORDS}\n\nIt works.", "qww"),
    "Gmail": (f"Yes.\n\nOn Mon, Mar 2, 2026 at 10:00 AM Desk <d@acme.example> wrote:\n\n> {WORDS}", "wwiiq"),
    "wrapped": (
        f"Yes.\n\nOn Mon, Mar 2, 2026 at 10:00 AM The Long\nDesk <d@acme.example>\nwrote:\n> {WORDS}",
        "wwiiiq",
    ),
    "Thunderbird": (f"Am 02.03.26 um 10:00 schrieb Desk:\n> {WORDS}\nJa.", "iqw"),
    "French": (f"Le 2 mars 2026 à 10:00, Desk <d@acme.example> a écrit :\n> {WORDS}", "iq"),
    "Russian": (f"02.03.2026, 10:00, Desk <d@acme.example> написал:\n> {WORDS}", "iq"),
    "words above that begin like it": (f"On it!\nOn 2 March at 10:00, D <d@a.example> wrote:\n> {WORDS}", "wiq"),
    "words above a date": (f"Yes.\n02.03.2026 10:00, D <d@a.example>:\n> {WORDS}", "wiq"),
    "words below markers": (f"> On it\nOn 2 March at 10:00, D <d@a.example> wrote:\n> {WORDS}", "qiq"),
    "Japanese": (f"2026年3月2日(月) 10:00 Desk <d@acme.example>:\n> {WORDS}", "iq"),
    "without markers": (f"Yes.\nOn 2 Mar 2026, at 10:00, Desk <d@acme.example> wrote:\n\n{WORDS}\nYes", "wiqqq"),
    "a quote in a quote": (
        f"On 2 March at 10:00, D <d@a.example> wrote:\n> {WORDS}\n> On 1 March at 9:00, A <a@b.example> wrote:\n>> Hi",
        "iqiq",
    ),
    "Outlook": (f"Yes.\n\n{ENGLISH}", "wwiiiiqq"),
    "Outlook in German, below a line": (f"Ja.\n________________________________\n{GERMAN}", "wiiiiiqq"),
    "an old Outlook": (f"Yes.\n-----Original Message-----\n{ENGLISH}", "wiiiiiqq"),
    "begins with the original": (f"----- Original Message -----\n{WORDS}", "iq"),
    "a person's own words above a quote": (f"On 2 March I wrote you about the lamp:\n> {WORDS}", "wq"),
    "a journey": (f"From: Berlin\nTo: Hamburg\nDate: 10:00 sharp\n> {WORDS}", "iiiq"),
    "forwarded": (
        f"Look:\n\n---------- Forwarded message ----------\nFrom: a@b.example\nDate: 10:00\nTo: x\n\n> {WORDS}",
        "",
    ),
    "forwarded below an answer": (f"> {WORDS}\n-------- Weitergeleitete Nachricht --------\n> {WORDS}", "qww"),
}


@pytest.mark.parametrize(("text", "lines"), QUOTED.values(), ids=QUOTED)
def test_each_line_is_written_or_quoted_or_introduces_a_quote(text: str, lines: str):
    assert lines_of(text) == lines


def read(text: str, subject: str = "Re: Invoice") -> InboundMessage:
    raw = HEAD + f"Subject: {subject}\n\n{text}".encode()
    (message,) = formats.parse("email.rfc822", raw, None).messages
    return message


@pytest.mark.parametrize(("text", "lines"), QUOTED.values(), ids=QUOTED)
def test_a_mail_keeps_its_quotes_and_says_where_they_are(text: str, lines: str):
    message = read(text)
    assert (message.text, message.lines) == (text, lines)


@pytest.mark.parametrize("subject", ["Fwd: Invoice", "WG: Rechnung", "FW: Invoice"])
def test_what_outlook_forwards_is_no_quote(subject: str):
    assert read(f"Look.\n\n{ENGLISH}", subject).lines == ""


@pytest.mark.parametrize(
    "text",
    [
        "x:\n" * 85_000,
        ">\n" * 120_000,
        "From: 10:00\n" * 20_000,
        "-" * 250_000,
        "on " * 80_000 + "wrote:",
        ("on 10:00 " + "x" * 290 + ":\n") * 800,
        ("_" * 50 + "\n") * 4_900,
        "_" * 250_000,
        "> " * 125_000,
    ],
    ids=["colons", "markers", "fields", "line", "sentence", "sentences", "lines", "underscores", "one line"],
)
def test_quotes_without_end_are_read_in_linear_time(text: str):
    began = process_time()
    lines_of(text)
    assert process_time() - began < 3
