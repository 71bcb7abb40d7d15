"""What is new in a mail: its text without the mail it answers. Forwarded mail stays: the sender wants to show it.

Outlook writes the same block (`From:`, `Sent:`, `To:`, `Subject:`) above what it answers and above what it forwards.
"""

import re
from collections.abc import Mapping

import quotequail

MAX_LINES = 500
"""Lines searched for quoted mail; the search is quadratic in lines that look like headers (`From:`)."""

_FORWARD_LINE = re.compile(r"[-_*> ]*(forwarded message|begin forwarded|weitergeleitete nachricht)", re.IGNORECASE)
_QUOTED_LINES = re.compile(r"^>.*\n?", re.MULTILINE)


def new_text(text: str, *, answers: bool = False) -> str:
    """Return what was written around the quoted mail, or all of the text if nothing else was written.

    `answers` says that the header marks the mail as a reply.
    """
    found = quotequail.unwrap("\n".join(text.split("\n", MAX_LINES)[:MAX_LINES]))
    if found is None:
        written = text
    elif found["type"] == "forward" and not (answers and _is_outlooks(text, found)):
        return text.strip()
    else:
        written = "\n\n".join(found[part].strip() for part in ("text_top", "text_bottom") if part in found)
    return _QUOTED_LINES.sub("", written).strip() or text.strip()


def _is_outlooks(text: str, found: Mapping[str, str]) -> bool:
    """Return whether the block directly follows what was written, without a line that calls it forwarded."""
    top = found.get("text_top", "").strip()
    return _FORWARD_LINE.match(text.strip().removeprefix(top).lstrip()) is None
