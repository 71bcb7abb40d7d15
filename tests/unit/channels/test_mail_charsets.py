"""In which charset a mail is read: by what its bytes say, by what it claims, or by a guess that is named."""

from time import process_time

import pytest

from channels import formats
from channels.email.charset import decode
from channels.message import InboundMessage

HEAD = (
    b"From: Ada <ada@example.com>\r\nTo: support@acme.example\r\nMessage-ID: <m@example.com>\r\nMIME-Version: 1.0\r\n"
)
GERMAN = "Die Lieferung für Müller fehlt \N{EN DASH} bitte prüfen. Preis: 20 €"
RUSSIAN = "Когда придёт мой заказ? Спасибо."
JAPANESE = "お世話になっております。注文番号七一のお届け日を教えてください。"
CHINESE = "请问朱镕先生的订单何时发货\N{FULLWIDTH QUESTION MARK}"
NEC = "㈱見本の森です。①見積 ②納期 髙﨑"


def read(body: bytes, kind: str = "text/plain", head: bytes = b"") -> InboundMessage:
    raw = HEAD + head + b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    (message,) = formats.parse("email.rfc822", raw, None).messages
    return message


def jis(text: str) -> bytes:
    """ISO-2022-JP with the rows that NEC and IBM added, as mailers on Windows write it."""
    written, is_wide = b"", False
    for letter in text:
        code = letter.encode("cp932")
        if is_wide != (len(code) == 2):
            is_wide = not is_wide
            written += b"\x1b$B" if is_wide else b"\x1b(B"
        written += rows(*code) if is_wide else code
    return written + (b"\x1b(B" if is_wide else b"")


def rows(lead: int, trail: int) -> bytes:
    row = (lead - (0x81 if lead < 0xA0 else 0xC1)) * 2 + (trail >= 0x9F)
    return bytes((row + 0x21, (trail - 0x9F if trail >= 0x9F else trail - 0x40 - (trail > 0x7F)) + 0x21))


TOLD = {
    "stateful, no charset": (JAPANESE, jis(JAPANESE), "text/plain"),
    "stateful, another charset": (JAPANESE, jis(JAPANESE), "text/plain; charset=iso-8859-1"),
    "stateful, UTF-8 said": (JAPANESE, jis(JAPANESE), "text/plain; charset=utf-8"),
    "a vendor's characters": (NEC, jis(NEC), "text/plain; charset=iso-2022-jp"),
    "a vendor's characters, no charset": (NEC, jis(NEC), "text/plain"),
    "the standard's second set": ("丂さん", "丂さん".encode("iso2022_jp_ext"), "text/plain; charset=iso-2022-jp"),
    "the standard's later planes": ("𠀋さん", "𠀋さん".encode("iso2022_jp_2004"), "text/plain; charset=iso-2022-jp"),
    "half width": ("ｱｲｳ です", b"\x1b(I123\x1b(B \x1b$B$G$9\x1b(B", "text/plain; charset=iso-2022-jp"),
    "a wave dash stays one": ("9時〜17時", "9時〜17時".encode("iso2022_jp"), "text/plain"),
    "Korean escapes": ("안녕하세요", "안녕하세요".encode("iso2022_kr"), "text/plain"),
    "Chinese between tildes": (
        "您好\N{FULLWIDTH COMMA}订单",
        "您好\N{FULLWIDTH COMMA}订单".encode("hz"),
        "text/plain; charset=hz-gb-2312",
    ),
    "Chinese between tildes, not said": (
        "您好\N{FULLWIDTH COMMA}订单",
        "您好\N{FULLWIDTH COMMA}订单".encode("hz"),
        "text/plain",
    ),
    "a vendor's characters in Shift_JIS": (NEC, NEC.encode("cp932"), "text/plain; charset=shift_jis"),
    "GBK said as GB2312": (CHINESE, CHINESE.encode("gbk"), "text/plain; charset=gb2312"),
    "UTF-8 said as Latin-1": (GERMAN, GERMAN.encode(), "text/plain; charset=iso-8859-1"),
    "UTF-8 said as GB2312": (CHINESE, CHINESE.encode(), "text/plain; charset=gb2312"),
    "UTF-8 not said": (GERMAN, GERMAN.encode(), "text/plain"),
    "Windows said as ISO": (GERMAN, GERMAN.encode("cp1252"), "text/plain; charset=iso-8859-1"),
    "Windows of the east said as ISO": (
        "„Łódź”",
        "„Łódź”".encode("cp1250"),
        "text/plain; charset=iso-8859-1"[:-1] + "2",
    ),
    "UTF-16 with a mark": (GERMAN, GERMAN.encode("utf-16"), "text/plain; charset=utf-16"),
    "UTF-16 without a mark": (GERMAN, GERMAN.encode("utf-16-be"), "text/plain; charset=utf-16"),
    "UTF-8 with a mark": (GERMAN, GERMAN.encode("utf-8-sig"), "text/plain; charset=iso-8859-1"),
    "UTF-7": ("Grüße", "Grüße".encode("utf-7"), "text/plain; charset=utf-7"),
    "a name in quotes": (RUSSIAN, RUSSIAN.encode("koi8-r"), "text/plain; charset=\"'koi8-r'\""),
    "one byte of Windows in UTF-8": (f"{GERMAN} é", GERMAN.encode() + b" \xe9", "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize(("text", "body", "kind"), TOLD.values(), ids=TOLD)
def test_text_is_read_by_what_its_bytes_say_or_its_charset_claims(text: str, body: bytes, kind: str):
    message = read(body, kind)
    assert message.text == text
    assert "charset_guessed" not in message.attributes


PAGES = {
    "meta": ("shift_jis", '<meta charset="shift_jis">'),
    "meta, the long way": ("shift_jis", '<META http-equiv=Content-Type content="text/html; charset=Shift_JIS">'),
    "stateful": ("iso2022_jp", '<meta charset="iso-2022-jp">'),
    "meta without quotes": ("euc_jp", "<meta charset=euc-jp>"),
}


@pytest.mark.parametrize(("codec", "meta"), PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("kind", ["text/html", "text/html; charset=us-ascii"])
def test_a_page_tells_its_own_charset(codec: str, meta: str, kind: str):
    page = f"<html><head>{meta}</head><body><p>{JAPANESE}</p></body></html>"
    message = read(page.encode(codec), kind)
    assert message.text == JAPANESE
    assert JAPANESE in (message.html or "")
    assert "charset_guessed" not in message.attributes


def test_the_header_of_a_page_counts_more_than_its_own_words():
    page = f'<meta charset="koi8-r"><p>{RUSSIAN}</p>'.encode("cp1251")
    assert read(page, "text/html; charset=windows-1251").text == RUSSIAN


GUESSED = {
    "Windows said as UTF-8": (GERMAN, "cp1252", "text/plain; charset=utf-8"),
    "French": ("Prélèvement refusé à tort, réclamation", "cp1252", "text/plain"),
    "Polish": ("Zażółć gęślą jaźń, zamówienie nie dotarło", "cp1250", "text/plain"),
    "Russian, one way": (RUSSIAN, "koi8-r", "text/plain"),
    "Russian, another way": (RUSSIAN, "cp1251", "text/plain"),
    "Russian said as Latin-1": (RUSSIAN, "cp1251", "text/plain; charset=iso-8859-1"),
    "Greek": ("Πού είναι η παραγγελία μου;", "cp1253", "text/plain"),
    "Arabic": ("أين طلبي؟ لم يصل بعد", "cp1256", "text/plain"),
    "Japanese, one way": (JAPANESE, "cp932", "text/plain"),
    "Japanese, another way": (JAPANESE, "euc_jp", "text/plain"),
    "Chinese": (CHINESE, "gb18030", "text/plain; charset=x-unknown"),
    "Chinese of Taiwan": ("請問我的訂單何時出貨\N{FULLWIDTH QUESTION MARK}謝謝您的幫忙。", "big5", "text/plain"),
    "Korean": ("주문한 물건이 아직 도착하지 않았습니다", "cp949", "text/plain"),
}


@pytest.mark.parametrize(("text", "codec", "kind"), GUESSED.values(), ids=GUESSED)
def test_what_nothing_tells_is_guessed_and_says_so(text: str, codec: str, kind: str):
    message = read(text.encode(codec), kind)
    assert message.text == text
    charset, confidence = message.attributes["charset_guessed"].split()
    assert text.encode(codec).decode(charset) == text
    assert 0 < float(confidence) <= 1


SUBJECTS = {
    "UTF-8": ("Rechnung für Müller 🎉", "utf-8", "text/plain"),
    "Latin-1": ("Rechnung für Müller", "latin-1", "text/plain"),
    "Latin-1 beside a text that says it": ("Größe", "latin-1", "text/plain; charset=iso-8859-1"),
    "GB2312": ("关于订单的问题", "gb2312", "text/plain"),
    "two characters beside a text that says GB2312": ("订单", "gb2312", "text/plain; charset=gb2312"),
    "Shift_JIS": ("返品のお願い", "shift_jis", "text/plain"),
    "Shift_JIS beside a page that says it": ("表", "shift_jis", 'text/html; charset="shift_jis"'),
    "stateful": ("お問い合わせ", "iso2022_jp", "text/plain"),
    "KOI8-R beside a text that says it": ("Заказ", "koi8-r", "text/plain; charset=koi8-r"),
}


@pytest.mark.parametrize(("subject", "codec", "kind"), SUBJECTS.values(), ids=SUBJECTS)
def test_a_raw_subject_is_read(subject: str, codec: str, kind: str):
    message = read(b"Hi", kind, b"Subject: " + subject.encode(codec) + b"\r\n")
    assert message.subject == subject


def test_a_raw_subject_is_read_in_the_charset_of_a_text_that_does_not_say_it():
    message = read(CHINESE.encode("gb18030"), "text/plain", "Subject: 订单\r\n".encode("gb18030"))
    assert (message.subject, message.text) == ("订单", CHINESE)


@pytest.mark.parametrize(("subject", "codec", "kind"), SUBJECTS.values(), ids=SUBJECTS)
@pytest.mark.parametrize(
    "header", [b"Content-Type: application/pdf; name", b"Content-Disposition: attachment; filename"]
)
def test_a_raw_file_name_is_read(subject: str, codec: str, kind: str, header: bytes):
    text = b"--b\r\nContent-Type: " + kind.encode() + b"\r\n\r\nHi\r\n"
    file = b"--b\r\n" + header + b'="' + f"{subject}.pdf".encode(codec) + b'"\r\n\r\n%PDF\r\n--b--\r\n'
    message = read(text + file, "multipart/mixed; boundary=b")
    assert [found.name for found in message.attachments] == [f"{subject}.pdf"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Rechnung für Müller.pdf", b"filename*=iso-8859-1''Rechnung%20f%FCr%20M%FCller.pdf"),
        ("Rechnung für Müller.pdf", b"filename*=utf-8''Rechnung%20f%FCr%20M%FCller.pdf"),
        ("Müller.pdf", b'filename="=?iso-8859-1?q?M=FCller.pdf?="'),
        ("①.pdf", b'filename="=?iso-2022-jp?b?GyRCLSEbKEIucGRm?="'),
        ("㈱.pdf", b"filename*=shift_jis''%87%8A.pdf"),
    ],
)
def test_a_file_name_that_says_its_charset_is_read(name: str, header: bytes):
    file = (
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; " + header + b"\r\n\r\n%PDF\r\n--b--"
    )
    assert [found.name for found in read(file, "multipart/mixed; boundary=b").attachments] == [name]


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, CHINESE])
def test_of_a_character_that_was_cut_nothing_else_is_lost(text: str):
    cut = (text + "ä").encode()[:-1] + b"\x20"
    assert decode(cut, "utf-8").text.startswith(text)


@pytest.mark.parametrize(
    "content",
    [
        "語".encode() * 4_000_000 + b"\xff",
        b"\xfc" * 10_000_000,
        b"\x1b$B" + b"-!" * 500_000,
        b"\x1b$B" + b"-!" * 5_000_000,
        b"\x1b$B\x1b(Bx" * 1_000_000,
        b"<meta " * 2_000_000 + b"\xff",
        b"~{" * 5_000_000,
        b"\xa4\xa2\xff" * 3_000_000,
    ],
    ids=["UTF-8", "one letter", "rows", "many rows", "escapes", "meta", "tildes", "EUC"],
)
def test_text_without_end_is_read_in_linear_time(content: bytes):
    began = process_time()
    assert decode(content, None, None).text
    assert decode(content, "gb2312", None).text
    assert process_time() - began < 10
