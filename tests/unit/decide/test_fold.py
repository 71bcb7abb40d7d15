"""What of a mail is new: nothing is left out but quoted lines whose words the conversation holds."""

import random
import re
import textwrap
from collections.abc import Sequence
from itertools import count
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import formats
from channels.email.reply import lines_of
from channels.message import InboundMessage
from router.decide.fold import Held, fold, written_in

ASKED = "please send the lamp back to our shop in Kiel. Your refund is 20.00 EUR."
OURS = f"Dear Ada,\n\n{ASKED}\nDid you keep the box?\n\nDesk"
WRAPPED = OURS.replace("our shop", "our\nshop").replace("20.00 EUR", "20.00\nEUR").replace("\n", "\n> ")
WHO = "On Mon, Mar 2, 2026 at 10:00 AM Desk <d@acme.example> wrote:"
OUTLOOK = "From: Desk <d@acme.example>\nSent: Monday, March 2, 2026 10:00\nTo: Ada\nSubject: RE: {}\n"
HELD = Held(
    [f"Broken lamp\n{OURS}", "Broken lamp\nMy lamp is broken.", "Lampe\n灯が壊れました。返品したいです。", "Yes."]
)


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


PAGES = {
    "a quote of ours": (f"I will.\n\n{WHO}\n{quoted(OURS)}", "I will."),
    "wrapped anew": (f"I will.\n\n{WHO}\n> {WRAPPED}", "I will."),
    "an answer below": (f"{WHO}\n{quoted(OURS)}\n\nI will.", "I will."),
    "answers between": (f"{quoted(OURS)}\nNo, I threw it away.\n> Desk\nAda", "No, I threw it away.\nAda"),
    "Outlook": (f"I will.\n\n{OUTLOOK.format('Broken lamp')}\n{OURS}", "I will."),
    "Outlook, another subject": (
        f"I will.\n\n{OUTLOOK.format('My lawyer')}\n{OURS}",
        f"I will.\n\n{OUTLOOK.format('My lawyer')}".strip(),
    ),
    "Outlook, answered below": (
        f"{OUTLOOK.format('Broken lamp')}\n{OURS}\n\nI will.",
        f"{OUTLOOK.format('Broken lamp')}I will.",
    ),
    "a quote in a quote": (
        f"I will.\n\n{WHO}\n{quoted(OURS)}\n>\n> {WHO}\n>> My lamp is broken.",
        "I will.",
    ),
    "a word of ours changed": (
        f"See below.\n{WHO}\n{quoted(OURS.replace('20.00', '25.00'))}",
        f"See below.\n{WHO}\n> please send the lamp back to our shop in Kiel. Your refund is 25.00 EUR.",
    ),
    "a line put into ours": (
        f"See below.\n{WHO}\n{quoted(OURS)}\n> I keep the lamp.",
        f"See below.\n{WHO}\n> I keep the lamp.",
    ),
    "a short answer put into ours": (f"{WHO}\n{quoted(OURS)}\n> No", f"{WHO}\n> No"),
    "somebody else is quoted": (
        "My brother says:\n> Never buy there again.",
        "My brother says:\n> Never buy there again.",
    ),
    "somebody else, beside ours": (
        f"{quoted(OURS)}\n\nMy brother says:\n> Never buy there again.",
        "My brother says:\n> Never buy there again.",
    ),
    "nothing but the quote": (quoted(OURS), quoted(OURS)),
    "begins with the original": (
        f"----- Original Message -----\n{OURS}\nI will.",
        "----- Original Message -----\nI will.",
    ),
    "written words that are held": ("My lamp is broken.\n> Yes.", "My lamp is broken."),
    "no spaces between words": ("はい。\n> 灯が壊れました。返品\n> したいです。", "はい。"),
    "no spaces, another word": (
        "はい。\n> 本が壊れました。返品したいです。",
        "はい。\n> 本が壊れました。返品したいです。",
    ),
    "few words by chance": ("Well:\n> the lamp", "Well:\n> the lamp"),
}


@pytest.mark.parametrize(("text", "page"), PAGES.values(), ids=PAGES)
def test_only_what_is_held_is_folded(text: str, page: str):
    assert fold(text, lines_of(text), HELD) == page


@pytest.mark.parametrize(("text", "_"), PAGES.values(), ids=PAGES)
def test_a_conversation_that_holds_nothing_folds_nothing(text: str, _: str):
    assert fold(text, lines_of(text), Held([])) == text


def test_the_language_is_that_of_the_words_that_were_written():
    text = f"Ja, gerne.\n\n{WHO}\n{quoted(OURS)}"
    assert written_in(text, lines_of(text)) == "Ja, gerne.\n"
    assert written_in(quoted(OURS), lines_of(quoted(OURS))) == quoted(OURS)


def test_a_long_quote_is_folded_in_linear_time():
    words = [f"word{number}" for number in range(40_000)]
    lines = [" ".join(words[start : start + 8]) for start in range(0, len(words), 8)]
    text = "New.\n" + quoted("\n".join(lines))
    began = process_time()
    assert fold(text, lines_of(text), Held(["\n".join(lines)] * 3)) == "New."
    assert process_time() - began < 3


class Dialogue:
    """Writes mails of words that nobody has used before, and quotes the last mail in the ways that mailers do."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._words = count()
        self._new: list[str] = []
        self._pages: list[str] = []

    def says(self, style: str, *, edits: bool) -> tuple[str, str, list[str]]:
        """Return the mail's text, its page and the words that were new in it."""
        self._new = []
        body = self._written() if not self._pages else self._answer(style, edits=edits)
        message = mail(body)
        page = fold(message.text, message.lines, Held(self._pages))
        self._pages.append(page)
        return message.text, page, self._new

    def _written(self) -> str:
        return "\n".join(self._line(self._random.randint(1, 12)) for _ in range(self._random.randint(1, 5)))

    def _line(self, length: int) -> str:
        words = [f"word{next(self._words)}" for _ in range(length)]
        self._new += words
        return " ".join(words)

    def _answer(self, style: str, *, edits: bool) -> str:
        quote = self._random.choice(self._pages[-3:]).split("\n")
        if style == "wrapped":
            quote = [part for line in quote for part in textwrap.wrap(line, self._random.randint(15, 60)) or [""]]
        if edits:
            self._edit(quote)
        below = self._written() if self._random.random() < 0.5 else ""
        above = f"{self._written()}\n{self._just_above()}"
        marked = "\n".join(f"> {line}" for line in quote)
        bare = "\n".join(quote)
        match style:
            case "outlook":
                return f"{above}{OUTLOOK.format('Invoice')}\n{bare}\n{below}"
            case "original":
                return f"----- Original Message -----\n{bare}\n{above}\n{below}"
            case "bare":
                return f"{marked}\n{above}\n{below}"
            case _:
                return f"{above}{WHO}\n{marked}\n{below}"

    def _just_above(self) -> str:
        """Words directly above a quote that begin like the lines of a mailer, a blank line, or nothing."""
        begins = self._random.choice(["", "\n", "On ", "From: "])
        return f"{begins}{self._line(2)}\n" if begins.strip() else begins

    def _edit(self, quote: list[str]) -> None:
        for _ in range(self._random.randint(1, 3)):
            place = self._random.randrange(len(quote))
            if self._random.random() < 0.5:
                quote.insert(place, self._line(self._random.randint(1, 6)))
            else:
                words = quote[place].split(" ")
                words[self._random.randrange(len(words))] = self._line(1)
                quote[place] = " ".join(words)


def mail(text: str) -> InboundMessage:
    head = "From: ada@example.com\nTo: support@acme.example\nContent-Type: text/plain; charset=utf-8\n\n"
    (message,) = formats.parse("email.rfc822", (head + text).encode(), None).messages
    return message


def words_in(text: str) -> set[str]:
    return set(re.findall(r"word\d+", text))


STYLES = st.lists(
    st.tuples(st.sampled_from(["gmail", "wrapped", "outlook", "original", "bare"]), st.booleans()),
    min_size=2,
    max_size=7,
)


@given(st.integers(0, 2**32), STYLES)
def test_every_word_that_is_new_is_on_the_page(seed: int, turns: Sequence[tuple[str, bool]]):
    dialogue = Dialogue(seed)
    for style, edits in turns:
        _, page, new = dialogue.says(style, edits=edits)
        assert set(new) <= words_in(page)


@given(st.integers(0, 2**32), st.sampled_from(["gmail", "outlook", "bare"]))
def test_a_quote_that_was_not_touched_is_folded(seed: int, style: str):
    dialogue = Dialogue(seed)
    dialogue.says(style, edits=False)
    _, page, new = dialogue.says(style, edits=False)
    assert words_in(page) == set(new)
