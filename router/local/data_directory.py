"""The directory that holds the embedded database: made, checked and never opened up. Leaves running it to others."""

import os
import stat
from pathlib import Path

from router.domain.errors import Misconfigured
from router.local.account import Account, name_of, require_entry


def make(folder: Path, account: Account | None) -> None:
    """Make the directory if it is missing; raise `Misconfigured` if it cannot be used as it is.

    The mode of a directory that exists is never changed: it may be somebody's home.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if account:
            folder.chmod(0o711)
    _require_trust(folder)
    if account:
        require_entry(account, folder)


def _require_trust(folder: Path) -> None:
    # Whoever can write here can put a database of their own in our place.
    status = folder.stat()
    if status.st_uid not in {0, os.geteuid()}:
        owner = name_of(status.st_uid)
        raise Misconfigured(f"FRONTDESK_DATA_DIR: {folder} belongs to '{owner}'; choose a directory of your own")
    if status.st_mode & stat.S_IWOTH:
        raise Misconfigured(f"FRONTDESK_DATA_DIR: everyone may write to {folder}; choose a directory below it")


def processes_in(database: Path) -> list[int]:
    """The PostgreSQL processes at work in that directory, oldest first; always empty where there is no /proc.

    A server and everything it starts stay in their data directory, also after the server itself was killed.
    """
    return sorted(int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _works_in(entry, database))


def _works_in(process: Path, database: Path) -> bool:
    try:
        return (process / "comm").read_text() == "postgres\n" and (process / "cwd").samefile(database)
    except OSError:  # ended meanwhile, or another account's
        return False
