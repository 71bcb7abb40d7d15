"""The directory of the embedded database: makes, checks and locks it, and never opens it to others."""

import fcntl
import os
import stat
from pathlib import Path

from router.domain.errors import Misconfigured
from router.local.account import Account, name_of, require_entry

_LOCK = "lock"


def make(folder: Path, account: Account | None) -> None:
    """Make the directory if it is missing; raise `Misconfigured` if it cannot be used as it is.

    It never changes the mode of an existing directory.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        if account:
            folder.chmod(0o711)
    _require_trust(folder)
    _require_own(folder)
    if account:
        require_entry(account, folder)


def _require_trust(folder: Path) -> None:
    # whoever can write here can replace our database with their own
    status = folder.stat()
    if status.st_uid not in {0, os.geteuid()}:
        owner = name_of(status.st_uid)
        raise Misconfigured(f"FRONTDESK_DATA_DIR: {folder} belongs to '{owner}'; choose a directory of your own")
    if status.st_mode & stat.S_IWOTH:
        raise Misconfigured(f"FRONTDESK_DATA_DIR: everyone may write to {folder}; choose a directory below it")


def _require_own(folder: Path) -> None:
    if (folder / _LOCK).is_file():
        return
    if any(entry.name != "lost+found" for entry in folder.iterdir()):  # a separate volume has one
        raise Misconfigured(f"FRONTDESK_DATA_DIR: {folder} holds something else; choose an empty directory")


class Lock:
    """Reserves a data directory for one Frontdesk and its server, as long as either of them lives.

    The kernel releases the lock when the last process that inherited `descriptor` ends.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / _LOCK).open("a+")

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def taken(self) -> bool:
        """Try to take the lock; return whether we have it now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return True

    def holder(self) -> str:
        """The id of the process that took the lock last."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        self._file.close()


def forget_dead_server(database: Path) -> None:
    """Remove the lock file of a server whose process id now belongs to another program.

    PostgreSQL ignores the lock file of a process that is gone, but takes any living process with that id for a server.
    """
    lock = database / "postmaster.pid"
    try:
        process = Path("/proc", lock.read_text().partition("\n")[0], "comm").read_text()
    except OSError:
        return
    if process != "postgres\n":
        lock.unlink()
