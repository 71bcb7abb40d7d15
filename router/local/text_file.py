"""Reads the files that operators write. `router.files` makes sense of the text."""

from pathlib import Path

from router.files.checked import FileError


def read_text(path: Path) -> str:
    """Return the text of a file; raises `FileError` if it cannot be read."""
    try:
        return path.read_text()
    except OSError as exc:
        raise FileError([f"cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise FileError(["is not UTF-8"]) from exc
