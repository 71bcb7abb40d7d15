"""What is new in a mail: its text without the mail it answers. Forwarded mail stays, it is what the sender shows."""

import re

import quotequail

MAX_LINES = 500
"""Lines searched for quoted mail; the search is quadratic in lines that look like headers (`From:`)."""

_QUOTED_LINES = re.compile(r"^>.*\n?", re.MULTILINE)


def new_text(text: str) -> str:
    """Return what was written around the quoted mail, or all of it where nothing else was written."""
    found = quotequail.unwrap("\n".join(text.split("\n", MAX_LINES)[:MAX_LINES]))
    if found is None:
        written = text
    elif found["type"] == "forward":
        return text.strip()
    else:
        written = "\n\n".join(found[part].strip() for part in ("text_top", "text_bottom") if part in found)
    return _QUOTED_LINES.sub("", written).strip() or text.strip()
