"""What is new in a mail: its text without the mail it answers. Forwarded mail stays, it is what the sender shows."""

import quotequail

MAX_LINES = 500
"""Lines searched for quoted mail; the search is quadratic in lines that look like headers (`From:`)."""


def new_text(text: str) -> str:
    """Return the text above and below the quoted mail, or all of it where nothing else was written."""
    found = quotequail.unwrap("\n".join(text.split("\n", MAX_LINES)[:MAX_LINES]))
    if found is None or found["type"] == "forward":
        return text.strip()
    written = [found.get(part, "").strip() for part in ("text_top", "text_bottom")]
    return "\n\n".join(filter(None, written)) or text.strip()
