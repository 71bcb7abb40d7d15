"""email.rfc822: what a mail says, who wrote it, and what it may cost."""

from time import process_time

import pytest

from channels import formats
from channels.errors import Malformed
from channels.message import InboundMessage

HEADER = (
    b"From: Ada Example <Ada@Example.COM>\r\nTo: support+Tok3n@acme.example\r\n"
    b"Message-ID: <m1@example.com>\r\nSubject: Invoice\r\nDate: Sun, 1 Mar 2026 10:30:00 +0100\r\n"
)


def read(raw: bytes, account: str | None = None) -> InboundMessage:
    (message,) = formats.parse("email.rfc822", raw, account).messages
    return message


def with_header(line: bytes, body: bytes = b"Hello") -> bytes:
    return HEADER + line + b"\r\n\r\n" + body


def test_the_fields_of_a_plain_mail():
    message = read(HEADER + b"\r\nMy invoice is wrong.\r\n")
    assert message.external_id == "m1@example.com"
    assert (message.sender.value, message.sender.name, message.sender.verified) == (
        "ada@example.com",
        "Ada Example",
        False,
    )
    assert message.account == "support@acme.example"
    assert message.thread.tokens == ("Tok3n",)
    assert message.sent_at is not None
    assert message.sent_at.isoformat() == "2026-03-01T09:30:00+00:00"
    assert (message.subject, message.text) == ("Invoice", "My invoice is wrong.")


def test_a_subject_longer_than_other_channels_may_have_is_cut():
    assert read(HEADER.replace(b"Invoice", b"x" * 12_389) + b"\r\nHi").subject == "x" * 2000


@pytest.mark.parametrize(
    ("line", "reply_to"),
    [
        (b"Reply-To: Ada at home <Ada@Home.example>", "ada@home.example"),
        (b"Reply-To: ada@example.com", None),
        (b"Reply-To: support@acme.example", None),
        (b"Reply-To: nobody", None),
        (b"X-Priority: 3", None),
    ],
)
def test_answers_go_where_the_sender_wants_them(line: bytes, reply_to: str | None):
    message = read(with_header(line))
    assert (message.reply_to and message.reply_to.value) == reply_to
    assert message.sender.value == "ada@example.com"


def test_the_account_of_the_delivery_counts_more_than_the_recipient():
    assert read(HEADER + b"\r\nHi", "Desk@Acme.example").account == "desk@acme.example"


def test_html_alone_gives_text_and_keeps_nothing_that_runs_or_fetches():
    html = (
        b'<p onclick="x()">Hello <b>Ada</b></p><script>alert(1)</script><style>p{}</style>'
        b'<img src="https://track.example/1.gif"><svg onload=x()></svg><a href="javascript:x()">y</a>'
    )
    message = read(with_header(b"Content-Type: text/html; charset=utf-8", html))
    assert message.text.startswith("Hello Ada")
    assert message.html is not None
    for word in ("script", "onclick", "style", "img", "svg", "track"):
        assert word not in message.html


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"Auto-Submitted: auto-replied", "auto_reply"),
        (b"Auto-Submitted: no", None),
        (b"X-Auto-Response-Suppress: All", None),
        (b"Precedence: auto_reply", "auto_reply"),
        (b"X-Autoreply: yes", "auto_reply"),
        (b"Precedence: bulk", None),
        (b"Precedence: junk", "mailing_list"),
        (b"List-Id: <news.acme.example>", "mailing_list"),
        (b"List-Unsubscribe: <mailto:u@acme.example>", None),
        (b"List-Unsubscribe: <mailto:u@acme.example>\r\nPrecedence: bulk", "mailing_list"),
        (b"Return-Path: <>", "bounce"),
        (b"Return-Path: <ada@example.com>", None),
        (b"X-Frontdesk-Message: 17", "own_notification"),
        (b"Content-Type: multipart/report; boundary=b", "bounce"),
        (b"X-Priority: 1", None),
    ],
)
def test_headers_tell_whether_a_person_wrote(line: bytes, kind: str | None):
    assert read(with_header(line)).automatic == kind


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        (b"Out of office: back on Monday", "out_of_office"),
        (b"Automatic reply: Invoice", "out_of_office"),
        (b"Abwesenheitsnotiz", "out_of_office"),
        (b"Automatische Antwort: Rechnung", "out_of_office"),
        ("Réponse automatique : Facture".encode(), "out_of_office"),
        (b"Abwesenheit meines Kollegen", None),
        (b"Automatic reply does not stop", None),
        (b"Out of office hours nobody answers", None),
        (b"Re: Out of office", None),
        (b"I was out of office when you called", None),
    ],
)
def test_the_subject_of_a_vacation_notice_is_recognised(subject: bytes, kind: str | None):
    assert read(HEADER.replace(b"Subject: Invoice", b"Subject: " + subject) + b"\r\nHi").automatic == kind


def test_a_mailer_daemon_is_a_bounce():
    raw = HEADER.replace(b"Ada Example <Ada@Example.COM>", b"MAILER-DAEMON@mx.example") + b"\r\nUndelivered"
    assert read(raw).automatic == "bounce"


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        (b"iso-8859-1", b"caf\xe9 \x80", "café €"),
        (b"utf-8", b"caf\xe9", "café"),
        (b"us-ascii", "café".encode(), "café"),
        (b"X-UNKNOWN", "café".encode(), "café"),
        (b"rot13", b"caf\xe9", "café"),
        (b"a\x00b", b"hello", "hello"),
        (b"utf-8", b"a\x00b", "ab"),
        (b"gb2312", "您好".encode("gb18030"), "您好"),
    ],
)
def test_text_survives_its_charset(charset: bytes, body: bytes, text: str):
    assert read(with_header(b"Content-Type: text/plain; charset=" + charset, body)).text == text


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (b"To: support@acme.example\r\n\r\nHi", "from"),
        (b"From: nobody\r\nTo: support@acme.example\r\n\r\nHi", "from"),
        (b"From: a@example.com\r\n\r\nHi", "to"),
        (b'From: a@example.com\r\nTo: "\r\n\r\nHi', "to"),
        (b"", "from"),
    ],
)
def test_a_mail_without_sender_or_account_is_malformed(header: bytes, missing: str):
    with pytest.raises(Malformed) as refused:
        read(header)
    assert refused.value.field == missing


def written_by(author: bytes) -> bytes:
    return HEADER.replace(b"Ada Example <Ada@Example.COM>", author) + b"\r\nHi"


@pytest.mark.parametrize(
    "author",
    [
        b'"ada@example.com"@other.example',
        b"<ada@example.com> <ben@other.example>",
        b"ada@example.com;ben@other.example",
        b"ada@example.com, ben@other.example",
        b"ben@other.example ada@example.com",
        b"<ada@example.com>@other.example",
        b"<=?utf-8?q?ada=40example.com=3E=20?=@other.example>",
        b'=?utf-8?q?ada=40example.com?=, "a b"@other.example',
        b"ada@example.com(<ben@other.example>",
        b'ada@example.com <"a@b"@other.example>',
        b"ada@example.com\r\nFrom: ben@other.example",
        b"ada@example.com\r\nFrom: ben@example.com",
    ],
)
def test_a_mail_that_may_be_from_somebody_else_is_malformed(author: bytes):
    with pytest.raises(Malformed, match=r"^from: must hold one address"):
        read(written_by(author))


@pytest.mark.parametrize(
    ("author", "sender", "name"),
    [
        (b'"ada@example.com" ben@other.example', "ben@other.example", None),
        (b"ada@example.com <ben@other.example>", "ben@other.example", "ada@example.com"),
        (b"'ben@other.example' <ben@other.example>", "ben@other.example", "'ben@other.example'"),
        (b'"Ada @ home" <ben@other.example>', "ben@other.example", "Ada @ home"),
        (b"=?utf-8?q?ada=40example.com?= <ben@other.example>", "ben@other.example", "ada@example.com"),
        (b"=?utf-8?q?Ben_=3Cben=40other.example=3E?=", "ben@other.example", None),
        (b"ben@other.example (ada@example.com)", "ben@other.example", "ada@example.com"),
        (b"Ben ben@other.example", "ben@other.example", None),
        (b"ben@other.example\r\nFrom: Ben <Ben@other.example>", "ben@other.example", None),
        (b"ben@other.example desk@other.example", "ben@other.example", None),
    ],
)
def test_the_sender_is_the_address_and_not_what_the_name_says(author: bytes, sender: str, name: str | None):
    message = read(written_by(author))
    assert (message.sender.value, message.sender.name) == (sender, name)


@pytest.mark.parametrize("author", [b"@" + b" x" * 7_000, b"<@" * 400 + b"<" * 14_000, b'@"\\' * 400 + b'"\\' * 7_000])
def test_an_author_without_end_is_read_in_linear_time(author: bytes):
    began = process_time()
    with pytest.raises(Malformed):
        read(written_by(author))
    assert process_time() - began < 0.5


def nested(levels: int) -> bytes:
    mail = HEADER.replace(b"\r\n", b"\n")
    for level in range(levels):
        mail += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level)
    return mail + b"\nhi\n"


PARTS = HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (nested(1000), "nested deeper"),
        (HEADER + b"Content-Type: message/rfc822\r\n\r\n" * 1000, "nested deeper"),
        (PARTS + b"--b\r\n\r\n" * 50_000, "more than 200 parts"),
        (HEADER + b"Cc: " + b",\r\n ".join([b"a@example.com"] * 600) + b"\r\n\r\nHi", "more than 500 addresses"),
        (HEADER + b"Cc: " + b", ".join([b"a@example.com"] * 20_000) + b"\r\n\r\nHi", "are larger than 256 KiB"),
        (with_header(b"X-Long: " + b"=?utf-8?q?a?= " * 1_200), "x-long: is larger than 16 KiB"),
        (HEADER + b"X: y\r\n" * 2_000 + b"\r\nHi", "more than 2000 lines"),
        (HEADER + b"Subject: " + b"=?utf-8?q?a?= " * 32_000 + b"\r\n\r\nHi", "are larger than 256 KiB"),
        (with_header(b"", b"x\n" * 600_000), "more than 500,000 lines"),
        (with_header(b"", b"x" * (26 * 1024 * 1024)), "larger than 25 MiB"),
        (PARTS + b"--b\r\nContent-Type: text/plain; " + b"a=b;" * 5_000, "part with a header larger"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mail_that_costs_too_much_is_refused_before_it_is_parsed(raw: bytes, says: str):
    with pytest.raises(Malformed) as refused:
        read(raw)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Type: text/plain; name*",
        b"Cc: (c):",
        b"Cc: " + b"(" * 1000,
        b"Cc: " + b"a:" * 5000,
        b"Cc: " + b"a." * 8000,
        b"In-Reply-To: <[x@microsoft.com]>",
        b"Date: Mon, 99999999999 Jan 99999999999 10:00:00 +99999999999",
        b"Subject: =?utf-16?b?2AA=?=",
        b"Content-Transfer-Encoding: x-uuencode",
    ],
    ids=lambda line: line[:24].decode(),
)
def test_headers_that_upset_the_standard_library_do_no_harm(line: bytes):
    assert read(with_header(line)).sender.value == "ada@example.com"


def test_a_long_body_is_cut_and_says_so():
    message = read(HEADER + b"\r\n" + b"x" * 10_000_000)
    assert len(message.text) == 256 * 1024
    assert message.attributes["text_cut_from"] == "10000000"


def test_many_lines_that_look_like_quoted_headers_are_read_in_linear_time():
    assert read(with_header(b"", b"From: a\r\n" * 25_000)).text.startswith("From: a")


def test_html_nested_without_end_is_left_out_and_its_text_kept():
    message = read(with_header(b"Content-Type: text/html", b"<div>" * 50_000 + b"the point"))
    assert (message.html, message.text) == (None, "the point")


WORDS = b"<p>My lawyer &amp; I <b>will</b> sue you</p>"


@pytest.mark.parametrize(
    "before",
    [
        b'<img src="data:image/png;base64,' + b"A" * 480_000 + b'">',
        b"<head><style>" + b"p { color: red } " * 30_000 + b"</style></head>",
        b"<script>" + b"if (a<b) {}" * 40_000 + b"</script >",
        b"<!--" + b" <p>no</p>" * 40_000 + b"--><!-->",
        b"<td class=x></td>" * 40_000,
        b"<img alt='" + b"a" * 400_000 + b"'>",
    ],
    ids=["file", "style", "script", "comment", "tags", "attribute"],
)
def test_words_behind_much_markup_are_read(before: bytes):
    message = read(with_header(b"Content-Type: text/html", before + WORDS))
    assert " ".join(message.text.split()) == "My lawyer & I will sue you"


def test_html_without_what_nobody_sees_is_kept():
    html = b"<style>" + b"p { color: red } " * 30_000 + b"</style>" + WORDS
    message = read(with_header(b"Content-Type: text/html", html))
    assert message.html == WORDS.decode()
    assert "html_left_out" not in message.attributes


def test_html_that_is_left_out_is_named_with_its_length():
    html = b"<p>word</p>" * 60_000
    message = read(with_header(b"Content-Type: text/html", html))
    assert message.html is None
    assert message.attributes == {"html_left_out": str(len(html)), "text_cut_from": str(len("word  " * 60_000) - 2)}
    assert len(message.text) == 256 * 1024


@pytest.mark.parametrize(
    "html",
    [b"<div>" * 500_000, b"<!--" * 600_000, b"<style>" + b"</style" * 350_000, b"<" * 2_500_000],
    ids=lambda html: html[:20].decode(),
)
def test_html_that_never_ends_is_read_in_linear_time(html: bytes):
    message = read(with_header(b"Content-Type: text/html", html))
    assert (message.html, message.text.strip("<")) == (None, "")


@pytest.mark.parametrize(
    ("kind", "files"),
    [(b"text/calendar", ["text/calendar"]), (b"text/vcard", ["text/vcard"]), (b"text/x-amp-html", [])],
)
def test_the_source_of_another_part_is_not_what_the_customer_says(kind: bytes, files: list[str]):
    other = b"\r\n--b\r\nContent-Type: " + kind + b"\r\n\r\nBEGIN:SOURCE\r\n--b--\r\n"
    message = read(PARTS.replace(b"mixed", b"alternative") + b"--b\r\n\r\nShall we meet?\r\n" + other)
    assert message.text == "Shall we meet?"
    assert [file.content_type for file in message.attachments] == files


@pytest.mark.parametrize("claimed", [b"\x00 application/pdf", b"application/\xff", b"a" * 200 + b"/b"])
def test_a_file_of_no_valid_type_is_bytes(claimed: bytes):
    line = b"Content-Type: " + claimed + b"\r\nContent-Disposition: attachment"
    (file,) = read(with_header(line)).attachments
    assert file.content_type in ("application/octet-stream", "text/plain")


def test_references_come_from_every_field_and_keep_the_newest_hundred():
    fields = b"References: <a@x.example>\r\nReferences: " + b"\r\n ".join(b"<%d@x.example>" % i for i in range(150))
    references = read(with_header(fields)).thread.references
    assert len(references) == 100
    assert references[-1] == "149@x.example"


def test_the_same_mail_without_message_id_has_the_same_key():
    raw = HEADER.replace(b"Message-ID: <m1@example.com>\r\n", b"") + b"\r\nHi"
    assert read(raw).external_id.startswith("sha256:")
    assert read(raw).key == read(raw).key
