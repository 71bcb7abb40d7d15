"""The files of a mail: all that are in it, byte by byte as they were sent."""

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import formats
from channels.email.parts import parsed
from channels.email.transfer import content
from channels.message import MAX_INLINE, Attachment, InboundMessage

HEAD = (
    b"From: Ada <ada@example.com>\r\nTo: support@acme.example\r\nMessage-ID: <m@example.com>\r\nMIME-Version: 1.0\r\n"
)
TEXT = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee my file.\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + TEXT
PDF = b"%PDF-1.4\r\n%\xe2\xe3\xcf\xd3\r1 0 obj\n<</Length 4>>\rstream\r\n\x00\xff=\r\n\tend \r\n"
ENCLOSED = (
    b"From: Ben <ben@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Long: " + b"word " * 40 + b"\r\n"
    b"X-Raw: M\xfcller\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n"
    b"--inner\r\nContent-Type: text/plain\r\n\r\nFrom here on\nlines end in LF\r\nor CRLF\r"
    b"or CR.\r\n--inner\r\nContent-Type: image/png\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBOR!w0KGgo=\r\n--inner--\r\n"
)


def mail(*parts: bytes) -> bytes:
    return MIXED + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def read(raw: bytes) -> InboundMessage:
    (message,) = formats.parse("email.rfc822", raw, None).messages
    return message


def file(raw: bytes) -> Attachment:
    (found,) = read(raw).attachments
    return found


def part(encoding: str, body: bytes, kind: str = "application/pdf") -> bytes:
    header = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\nContent-Disposition: attachment\r\n\r\n"
    return header.encode() + body


def uuencoded(whole: bytes) -> bytes:
    lines = b"".join(binascii.b2a_uu(whole[start : start + 45]) for start in range(0, len(whole), 45))
    return b"begin 644 a.pdf\r\n" + lines.replace(b"\n", b"\r\n") + b"`\r\nend\r\n"


EVERY_BYTE = bytes(range(256))
ENCODED = {
    "8bit": (PDF, part("8bit", PDF)),
    "binary": (PDF, part("binary", PDF)),
    "no encoding": (PDF, b"Content-Type: application/pdf\r\n\r\n" + PDF),
    "an unknown encoding": (PDF, part("x-own", PDF)),
    "CR alone": (b"a\rb\r\rc", part("7bit", b"a\rb\r\rc")),
    "LF alone": (b"a\nb\n\nc\n", part("7bit", b"a\nb\n\nc\n")),
    "a comma-separated table": (b"a,b\r\n1,2\r\n", part("7bit", b"a,b\r\n1,2\r\n", "text/csv")),
    "quoted-printable": (PDF, part("quoted-printable", binascii.b2a_qp(PDF, istext=False).replace(b"=\n", b"=\r\n"))),
    "quoted-printable, every byte": (
        EVERY_BYTE,
        part("quoted-printable", b"".join(b"=%02X" % byte for byte in EVERY_BYTE)),
    ),
    "quoted-printable, its lines kept": (b"a\r\nb\r\nc", part("quoted-printable", b"a\r\nb\r\nc")),
    "quoted-printable, wrapped": (b"abcd", part("quoted-printable", b"ab=\r\nc= \t\r\nd")),
    "quoted-printable, small letters": (b"\xe4=", part("Quoted-Printable", b"=e4=3d")),
    "quoted-printable, blanks added": (b"a\r\nb", part("quoted-printable", b"a  \r\nb\t")),
    "base64": (PDF, part("base64", base64.encodebytes(PDF).replace(b"\n", b"\r\n"))),
    "base64, lines of LF": (PDF, part("base64", base64.encodebytes(PDF))),
    "base64, foreign characters": (PDF, part("base64", b"!* ".join(base64.encodebytes(PDF).splitlines()))),
    "base64, no padding": (b"ab", part("base64", b"YWI")),
    "base64, padding in the middle": (b"abcd", part("base64", b"YWI=\r\nY2Q=")),
    "base64, a letter too many": (b"abc", part("base64", b"YWJjZ")),
    "base64, an encoding with a comment": (PDF, part("base64 (MIME)", base64.b64encode(PDF))),
    "base64, in quotes": (PDF, part('"base64";', base64.b64encode(PDF))),
    "uuencode": (PDF, part("x-uuencode", uuencoded(PDF))),
    "a mail": (ENCLOSED, b"Content-Type: message/rfc822\r\n\r\n" + ENCLOSED),
    "a mail, in 8bit": (ENCLOSED, part("8bit", ENCLOSED, "message/rfc822")),
    "a mail, in base64": (ENCLOSED, part("base64", base64.encodebytes(ENCLOSED), "message/rfc822")),
    "a report": (
        b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n",
        part(
            "7bit",
            b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n",
            "message/delivery-status",
        ),
    ),
    "a part of a mail": (b"Half of it\r\n", b'Content-Type: message/partial; id="1"; number=1\r\n\r\nHalf of it\r\n'),
}


@pytest.mark.parametrize(("sent", "body"), ENCODED.values(), ids=ENCODED)
def test_a_file_is_what_was_sent(sent: bytes, body: bytes):
    found = file(mail(body))
    assert found.content == sent
    assert found.size == len(sent)


@pytest.mark.parametrize(
    "name", ["base64", "base64, foreign characters", "uuencode", "quoted-printable", "a mail, in base64"]
)
@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_an_encoded_file_does_not_depend_on_the_line_ends_of_the_mail(name: str, end: bytes):
    sent, body = ENCODED[name]
    assert file(mail(body).replace(b"\r\n", end)).content == sent


@given(st.binary(max_size=400), st.sampled_from(["8bit", "base64", "quoted-printable", "x-uuencode"]))
def test_any_bytes_survive_any_encoding(sent: bytes, encoding: str):
    encoded = {
        "8bit": sent,
        "base64": base64.encodebytes(sent),
        "quoted-printable": b"=\r\n".join(b"=%02X" % byte for byte in sent),
        "x-uuencode": uuencoded(sent),
    }[encoding]
    header = f"Content-Type: application/x\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    assert content(parsed(header.encode() + encoded)) == sent


def test_a_large_file_that_is_no_base64_is_fetched_as_it_was_sent():
    large = PDF * 10_000
    raw = mail(part("binary", large))
    message = read(raw)
    assert (message.attachments[0].size, message.attachments[0].content) == (len(large), None)
    assert len(large) > MAX_INLINE
    fetched = formats.attachment("email.rfc822", raw, message, 0)
    assert fetched is not None
    assert fetched.content == large


def test_an_enclosed_mail_is_named_after_its_subject():
    assert file(mail(b"Content-Type: message/rfc822\r\n\r\n" + ENCLOSED)).name == "Grüße.eml"


UNTYPED = [
    "pdf",
    "application",
    "/pdf",
    "application/",
    "application/pdf/x",
    "application/p df",
    "\x00",
    "applic\xe4tion/pdf",
]


@pytest.mark.parametrize("kind", UNTYPED)
@pytest.mark.parametrize("named", [b"", b"; name=a.pdf"])
def test_a_part_of_no_valid_type_is_kept_as_a_file(kind: str, named: bytes):
    body = b"Content-Type: " + kind.encode("latin-1") + named + b"\r\n\r\n" + PDF
    message = read(mail(body))
    (found,) = message.attachments
    assert (message.text, found.content) == ("See my file.", PDF)
    assert found.content_type == "application/octet-stream"


@pytest.mark.parametrize("kind", ["text", "TEXT", "plain", "", "text; charset=utf-8"])
def test_a_part_that_is_merely_called_text_is_read(kind: str):
    message = read(mail(b"Content-Type: " + kind.encode() + b"\r\n\r\nMore words."))
    assert (message.text, message.attachments) == ("See my file.\n\nMore words.", ())


@pytest.mark.parametrize("kind", [*UNTYPED, "text"])
def test_a_mail_of_no_valid_type_is_read(kind: str):
    message = read(HEAD + b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\nMy words.")
    assert (message.text, message.attachments) == ("My words.", ())


INLINE = {
    "a text": ("text/plain", b"Content-Disposition: inline; filename=notes.txt", True),
    "a text named by its type": ("text/plain; name=notes.txt", b"X-A: b", True),
    "a page": ("text/html", b"Content-Disposition: inline; filename=notes.html", True),
    "a picture": ("image/png; name=notes.png", b"Content-Disposition: inline", False),
    "a picture of a page": ("image/png", b"Content-ID: <a@b>", False),
    "a calendar": ("text/calendar", b"Content-Disposition: inline", False),
}


@pytest.mark.parametrize(("kind", "header", "is_read"), INLINE.values(), ids=INLINE)
def test_a_named_part_is_kept_even_if_it_is_shown_in_line(kind: str, header: bytes, is_read: bool):
    message = read(mail(b"Content-Type: " + kind.encode() + b"\r\n" + header + b"\r\n\r\nThe notes.\r\n"))
    assert [found.content for found in message.attachments] == [b"The notes.\r\n"]
    assert message.text == ("See my file.\n\nThe notes." if is_read else "See my file.")


@pytest.mark.parametrize("word", ["attachment", "ATTACHMENT", '"attachment"', "attachement", "x-own"])
def test_a_text_that_does_not_want_to_be_shown_is_a_file(word: str):
    body = b"Content-Type: text/plain\r\nContent-Disposition: " + word.encode() + b"; filename=n.txt\r\n\r\nA log."
    message = read(mail(body))
    assert (message.text, message.attachments[0].content) == ("See my file.", b"A log.")


def test_the_forms_of_a_text_are_no_files():
    forms = b"".join(
        b"--c\r\nContent-Type: text/%s; name=body.%s\r\n\r\nWords.\r\n" % (kind, kind) for kind in (b"plain", b"html")
    )
    message = read(HEAD + b"Content-Type: multipart/alternative; boundary=c\r\n\r\n" + forms + b"--c--\r\n")
    assert (message.text, message.attachments) == ("Words.", ())


STRAY = {
    "in the mail's header": HEAD
    + b"Subject: A very long\r\nsubject that was not folded\r\nX-Mailer: x\r\n\r\nMy words.",
    "before the type": HEAD + b"not a header\r\nContent-Type: text/plain\r\n\r\nMy words.",
    "an envelope": HEAD + b">From ada Mon Mar  2\r\nX-Spam-Status: No\r\n\r\nMy words.",
    "lines of CRLF and CR": HEAD.replace(b"\r\n", b"\r") + b"not a header\rContent-Type: text/plain\r\rMy words.",
}


@pytest.mark.parametrize("raw", STRAY.values(), ids=STRAY)
def test_stray_lines_in_the_header_are_no_text(raw: bytes):
    assert read(raw).text == "My words."


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_stray_lines_in_the_header_of_a_part_are_no_text(end: bytes):
    body = b"Content-Type: text/plain\r\nnot a header\r\nContent-Transfer-Encoding: base64\r\n\r\nTXkgd29yZHMu\r\n"
    assert read(mail(body).replace(b"\r\n", end)).text == "See my file.\n\nMy words."


def test_stray_lines_in_the_header_of_a_file_are_not_in_it():
    body = b"Content-Type: application/pdf\r\n<<<>>>\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n" + PDF
    found = file(mail(body))
    assert (found.name, found.content) == ("a.pdf", PDF)


@pytest.mark.parametrize("words", [b"Hello there,\r\nmy words.", b"My words: none.\r\nMore"])
def test_words_without_a_blank_line_before_them_are_read(words: bytes):
    assert "words" in read(mail(b"Content-Type: text/plain\r\n" + words + b"\r\n\r\nBye.")).text
