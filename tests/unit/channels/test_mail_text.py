"""Which parts of a mail are its text: all that a person would see of it, for the agent and for triage."""

from time import process_time

import pytest

from channels import formats
from channels.message import InboundMessage
from channels.text import MAX_TEXT
from router.decide.gist import gist_of
from router.flow.intake.opening import Opener
from router.flow.run.bus import Delivery

HEAD = b"From: Ada <ada@example.com>\nTo: support@acme.example\nMessage-ID: <m@example.com>\nMIME-Version: 1.0\n"
THREAT = "My lawyer will file a claim against you on Monday unless the refund has arrived."
PAGE = f"<html><head><style>p {{}}</style></head><body><p>{THREAT}</p></body></html>"
FOOTER = "This message has been scanned for viruses."
NOTICE = "Your mail client cannot show HTML. Please open this message in a browser."


def plain(text: str, header: str = "") -> bytes:
    return f"Content-Type: text/plain; charset=utf-8\n{header}\n{text}".encode()


def html(text: str, header: str = "") -> bytes:
    return f"Content-Type: text/html; charset=utf-8\n{header}\n{text}".encode()


def multipart(kind: str, *parts: bytes) -> bytes:
    # The boundary differs by depth, because each part's own is inside it.
    name = f"b{max((part.count(b'multipart/') for part in parts), default=0)}-{len(parts)}".encode()
    inner = b"".join(b"--" + name + b"\n" + part + b"\n" for part in parts)
    return (
        b"Content-Type: multipart/" + kind.encode() + b"; boundary=" + name + b"\n\n" + inner + b"--" + name + b"--\n"
    )


def read(body: bytes) -> InboundMessage:
    (message,) = formats.parse("email.rfc822", HEAD + body, None).messages
    return message


SEEN = {
    "HTML, then a list's footer": (multipart("mixed", html(PAGE), plain(FOOTER)), [THREAT, FOOTER]),
    "a scanner's notice, then HTML": (multipart("mixed", plain(FOOTER), html(PAGE)), [FOOTER, THREAT]),
    "HTML between two notices": (
        multipart("mixed", plain(FOOTER), html(PAGE), plain("End.")),
        [FOOTER, THREAT, "End."],
    ),
    "HTML twice": (multipart("mixed", html(PAGE), html("<p>And my union.</p>")), [THREAT, "And my union."]),
    "HTML with a picture, then a footer": (
        multipart("mixed", multipart("related", html(PAGE), b"Content-Type: image/png\n\nPNG"), plain(FOOTER)),
        [THREAT, FOOTER],
    ),
    "signed HTML, then a footer": (
        multipart(
            "mixed", multipart("signed", html(PAGE), b"Content-Type: application/pgp-signature\n\n-"), plain(FOOTER)
        ),
        [THREAT, FOOTER],
    ),
    "two forms": (multipart("alternative", plain(THREAT), html(PAGE)), [THREAT]),
    "two forms, then a footer": (
        multipart("mixed", multipart("alternative", plain(THREAT), html(PAGE)), plain(FOOTER)),
        [THREAT, FOOTER],
    ),
    "the plain form is empty": (multipart("alternative", plain(" \n\n"), html(PAGE)), [THREAT]),
    "the plain form is invisible": (multipart("alternative", plain("\u200b\ufeff"), html(PAGE)), [THREAT]),
    "the plain form asks for HTML": (multipart("alternative", plain(NOTICE), html(PAGE)), [THREAT]),
    "the plain form is a teaser": (multipart("alternative", plain("My lawyer will"), html(PAGE)), [THREAT]),
    "the plain form is about something else": (
        multipart("alternative", plain("Thank you, all is well."), html(PAGE)),
        ["Thank you, all is well.", THREAT],
    ),
    "a scanner's notice among the forms": (multipart("alternative", html(PAGE), plain(FOOTER)), [THREAT, FOOTER]),
    "the HTML form is empty": (multipart("alternative", plain(THREAT), html("<p></p>")), [THREAT]),
    "the HTML form says little": (multipart("alternative", plain(THREAT), html("<p>My lawyer</p>")), [THREAT]),
    "the same HTML in two forms": (multipart("alternative", html(PAGE), html(PAGE + "\n")), [THREAT]),
    "plain, enriched and HTML": (
        multipart("alternative", plain(THREAT), f"Content-Type: text/enriched\n\n{THREAT}".encode(), html(PAGE)),
        [THREAT],
    ),
    "forms in a form": (
        multipart("alternative", plain(THREAT), multipart("related", html(PAGE), b"Content-Type: image/png\n\nPNG")),
        [THREAT],
    ),
    "a form with files between its words": (
        multipart(
            "alternative",
            plain(f"{THREAT}\n\nSee above."),
            multipart("mixed", html(PAGE), b"Content-Type: application/pdf\n\n%PDF", html("<p>See above.</p>")),
        ),
        [f"{THREAT}\n\nSee above."],
    ),
    "a page that never ends its comment": (
        multipart("mixed", html("<p>Hello</p><!-- "), html(PAGE)),
        ["Hello", THREAT],
    ),
    "a text shown in line": (
        multipart("mixed", plain("See my notes."), plain(THREAT, "Content-Disposition: inline; filename=n.txt\n")),
        ["See my notes.", THREAT],
    ),
    "an attached text is none": (
        multipart("mixed", plain("See my file."), plain(THREAT, "Content-Disposition: attachment; filename=n.txt\n")),
        ["See my file."],
    ),
    "an attached page is none": (
        multipart("mixed", plain("See my file."), html(PAGE, "Content-Disposition: attachment; filename=n.html\n")),
        ["See my file."],
    ),
}


@pytest.mark.parametrize(("body", "seen"), SEEN.values(), ids=SEEN)
def test_text_is_what_a_person_sees_of_the_whole_mail(body: bytes, seen: list[str]):
    assert read(body).text == "\n\n".join(seen)


@pytest.mark.parametrize(("body", "seen"), SEEN.values(), ids=SEEN)
def test_the_page_shows_all_that_the_text_says(body: bytes, seen: list[str]):
    message = read(body)
    assert message.html is None or all(line in message.html for text in seen for line in text.split("\n\n"))


def test_plain_text_beside_a_page_is_shown_as_written():
    message = read(multipart("mixed", html(PAGE), plain("1 < 2\n  indented <b>")))
    assert message.html == f"<p>{THREAT}</p>\n<pre>1 &lt; 2\n  indented &lt;b&gt;</pre>"


@pytest.mark.parametrize(("body", "seen"), SEEN.values(), ids=SEEN)
def test_triage_and_the_agent_read_the_same(body: bytes, seen: list[str]):
    opener = Opener(formats.parse, b"secret", tuple)
    (arrival,) = opener.open(Delivery(HEAD + body, "email.rfc822")).arrivals
    assert arrival.gist == gist_of("", arrival.message.text) == gist_of("", "\n\n".join(seen))


def test_a_long_plain_form_is_trusted():
    text = "The parties agree. " * 2_000
    assert read(multipart("alternative", plain(text), html(PAGE))).text == text.strip()


def test_many_pages_that_are_long_together_cost_no_more_than_one():
    page = "<html><body>" + "<p>The parties <b>hereby</b> agree.</p>" * 2_000 + "</body></html>"
    began = process_time()
    message = read(multipart("mixed", *(html(page) for _ in range(150))))
    assert process_time() - began < 6
    assert message.html is None
    assert len(message.text) > MAX_TEXT - 10
    assert int(message.attributes["text_cut_from"]) > 150 * 2_000 * len("The parties hereby agree.")


def test_forms_nested_in_forms_are_read_once():
    body = html("<p>word</p>" * 15_000)
    for depth in range(15):
        body = multipart("alternative", plain(f"short {depth}"), body)
    began = process_time()
    assert read(body).text
    assert process_time() - began < 3
