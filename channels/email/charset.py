"""Decodes the bytes of a mail, whatever charset they claim. Never fails; the router keeps the raw bytes."""

from channels.text import storable

_ALIASES = {
    "iso-8859-1": "cp1252",  # as browsers do: where the two differ, text that claims Latin-1 is Windows-1252
    "latin-1": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "cp-850": "cp850",
    "windows-874": "cp874",
    "iso-2022-jp": "iso2022_jp_ext",
}
# Codecs that are not charsets of mail; some are quadratic.
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "unicode-escape", "raw_unicode_escape", "undefined"})


def decode(content: bytes, charset: str | None) -> str:
    """Return the text of `content`: by its charset, else as UTF-8, else as Windows-1252 with what fits."""
    claimed = _codec(charset)
    for codec in dict.fromkeys((claimed, "utf-8", "cp1252")):
        try:
            return storable(content.decode(codec))
        except (UnicodeError, LookupError, ValueError):
            continue
    return storable(_with_replacements(content, claimed))


def _with_replacements(content: bytes, claimed: str) -> str:
    try:
        return content.decode(claimed, "replace")
    except (UnicodeError, LookupError, ValueError):
        return content.decode("cp1252", "replace")


def _codec(charset: str | None) -> str:
    name = (charset or "utf-8").strip(" \"'").lower()
    if not name.isascii() or len(name) > 40 or name.replace("-", "_") in _REFUSED:
        return "utf-8"
    return _ALIASES.get(name, name)
