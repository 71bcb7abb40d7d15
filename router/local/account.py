"""The account that runs PostgreSQL, which refuses to run as root, and what that account can reach."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from router.domain.errors import Misconfigured

_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An existing account of this machine."""

    name: str
    uid: int
    gid: int

    def can(self, *command: str | Path) -> bool:
        """Whether the command succeeds when this account runs it."""
        try:
            done = subprocess.run(
                command, user=self.uid, group=self.gid, extra_groups=[], cwd="/", capture_output=True, check=False
            )
        except PermissionError:
            return False
        return done.returncode == 0


def account_for(database: Path) -> Account | None:
    """The account to run a database as, or None for our own.

    Only root needs another account: the owner of an existing database, so that installing `postgres` later does not
    lock us out; else `postgres`, else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if database.exists():
        status = database.stat()
        return Account(name_of(status.st_uid), status.st_uid, status.st_gid)
    known = {entry.pw_name: Account(entry.pw_name, entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    for name in _UNPRIVILEGED:
        if name in known:
            return known[name]
    raise Misconfigured("embedded PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody'")


def name_of(uid: int) -> str:
    """The account's name, or its number if it has none (a container's arbitrary user)."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def require_entry(account: Account, folder: Path) -> None:
    """Raise `Misconfigured`, naming the directory, if the account cannot get to `folder`."""
    for directory in [*reversed(folder.parents), folder]:
        if not account.can("test", "-x", directory):
            raise Misconfigured(
                f"FRONTDESK_DATA_DIR: started by root, PostgreSQL runs as '{account.name}', which may not enter "
                f"{directory}; choose a directory outside it, such as /var/lib/frontdesk, or run as an ordinary user"
            )
