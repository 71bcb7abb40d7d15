"""Guesses the charset of bytes that nothing else tells: by chardet's models of languages, among the charsets of mail.

The confidence is the guesser's own, from 0 to 1. Of a few words it is low even if they are read rightly.
"""

import re

_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "iso8859_15")
_OTHER_SCRIPTS = ("cp1251", "koi8-r", "koi8-u", "cp1253", "iso8859_7", "cp1255", "cp1256", "cp1258", "cp874")
_CHARSETS = (*_LATIN, *_OTHER_SCRIPTS, "gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949")
_WEST = "cp1252"
_READ = 8192
"""Bytes that are read for a guess; more change nothing but the time."""

_HIGH = re.compile(rb"[\x80-\xff]")
_NOT_ALONE = re.compile(rb"[\x80-\xbf]|[\x80-\xff]{2}")
_HOLES = {0x81: "\x81", 0x8D: "\x8d", 0x8F: "\x8f", 0x90: "\x90", 0x9D: "\x9d"}


def read(content: bytes, sample: bytes = b"") -> tuple[str, str]:
    """Return the text, and the charset with its confidence; `sample` is text that is likely in the same charset."""
    charset, confidence = _likeliest(content, sample)
    try:
        text = content.decode(charset)
    except UnicodeError:
        text = western(content) if charset == _WEST else content.decode(charset, "replace")
    return text, f"{charset} {confidence:.2f}"


def western(content: bytes) -> str:
    """Return text by Windows-1252; the bytes that it leaves undefined become control characters, as in browsers."""
    return content.decode("latin-1").translate(_AS_BROWSERS)


def _likeliest(content: bytes, sample: bytes) -> tuple[str, float]:
    together = content + b"\n" + sample
    if sample and _decodes(content, found := _detected(together)):
        return found
    return _detected(content)


def _decodes(content: bytes, found: tuple[str, float]) -> bool:
    try:
        content.decode(found[0])
    except UnicodeError:
        return False
    return True


def _detected(content: bytes) -> tuple[str, float]:
    import chardet  # its models take 0.2 s to load, and few mails need them

    first = _HIGH.search(content)
    start = max(0, first.start() - 200) if first else 0
    window = content[start : start + _READ]
    # A letter with an accent stands alone between others. Other scripts write whole words in such bytes.
    charsets = _CHARSETS if _NOT_ALONE.search(window) else _LATIN
    found = chardet.detect(window, include_encodings=charsets, prefer_superset=True, compat_names=False)
    return found["encoding"] or _WEST, found["confidence"]


_AS_BROWSERS = {byte: bytes([byte]).decode(_WEST) if byte not in _HOLES else _HOLES[byte] for byte in range(0x80, 0xA0)}
