"""The body of a mail: its text, its HTML made safe, and its files. `reply` removes quoted mail."""

from dataclasses import dataclass, field

from channels.email import transfer
from channels.email.files import Files, files_of
from channels.email.parts import Part
from channels.email.visible import Piece, pieces_of
from channels.message import Attachment
from channels.text import MAX_TEXT, sanitised


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a mail holds. `notes` say what was cut or guessed, for the message's attributes."""

    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    notes: dict[str, str] = field(default_factory=dict)


def read_content(message: Part) -> Content:
    """Return the content of a parsed mail. Text and HTML say the same: all that a person would see of it."""
    pieces = pieces_of(message)
    text = "\n\n".join(piece.text for piece in pieces if piece.text.strip()).strip()
    html = [page for piece in pieces for page in piece.html()] if any(piece.is_rich for piece in pieces) else []
    safe = sanitised(*html)
    return Content(
        text=text[:MAX_TEXT],
        html=safe or None,
        attachments=Files(message).attachments(),
        notes=_notes(text, "" if safe is not None else "\n".join(html), pieces),
    )


def file_bytes(message: Part, place: int) -> bytes:
    """Return the bytes of the file at `place` of `Content.attachments`."""
    return transfer.content(files_of(message)[place])


def _notes(text: str, left_out: str, pieces: list[Piece]) -> dict[str, str]:
    guessed = next((piece.guessed for piece in pieces if piece.guessed), "")
    found = {
        "text_cut_from": str(len(text)) if len(text) > MAX_TEXT else "",
        "html_left_out": str(len(left_out)) if left_out else "",
        "charset_guessed": guessed,
    }
    return {name: value for name, value in found.items() if value}
