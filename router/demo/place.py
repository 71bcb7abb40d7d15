"""The demonstration's surroundings: a temporary directory, and a log that does not disturb the board."""

import fcntl
import io
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import structlog

from router.demo.pace import hastened, with_offers
from router.domain.errors import Misconfigured
from router.files.checked import FileError
from router.local.text_file import read_text
from router.policy.parse import parse_policy
from router.settings import Settings, default_policy_path

_ROOMY = "/var/tmp"  # noqa: S108 - mkdtemp makes our own directory in it; /tmp may be in memory
_PREFIX = "frontdesk-demo-"
_NEW_S = 60.0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a directory and remove it with its content at the end; raises `Misconfigured` if that is impossible.

    Also removes the directories of demonstrations that were killed.
    """
    _remove_abandoned()
    try:
        folder = Path(mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_ROOMY))
    except OSError as exc:
        raise Misconfigured(f"cannot create a directory in {_ROOMY}: {exc.strerror or exc}") from exc
    try:
        folder.chmod(0o711)  # if root starts us, the database runs under its own account and must get in
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder)


def _remove_abandoned() -> None:
    """Remove our own folders that no process has locked, except new ones: they may not be locked yet."""
    for folder in Path(_ROOMY).glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(folder) as status:
            if status.st_uid == os.geteuid() and status.st_mtime < time.time() - _NEW_S:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[os.stat_result]:
    """Lock the folder until the context or this process ends; raises `OSError` if another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield os.fstat(descriptor)
    finally:
        os.close(descriptor)


def embedded(settings: Settings, folder: Path) -> Settings:
    """Return the settings with all data in `folder`, whatever database and broker they name, and a quicker policy.

    Raises `Misconfigured`, naming the setting, if the policy file cannot be used.
    """
    policy = folder / "policy.yaml"
    policy.write_text(hastened(shown_policy(settings)))
    own = {
        "database_url": None,
        "amqp_url": None,
        "data_dir": folder / "data",
        "policy_path": policy,
        "http_host": "127.0.0.1",
        "http_port": 0,
    }
    return settings.model_copy(update=own)


def shown_policy(settings: Settings) -> str:
    """Return the text of the policy to show: the one that the settings name, or the shipped one with a push queue."""
    path = settings.policy_path
    try:
        text = read_text(path)
        parse_policy(text)
    except FileError as exc:
        raise Misconfigured(f"FRONTDESK_POLICY_PATH: {path}: {exc}") from exc
    return with_offers(text) if path == default_policy_path() else text


@contextmanager
def log_kept_back() -> Iterator[None]:
    """Keep the log off the terminal, and write its warnings and errors to standard error at the end."""
    kept, before = io.StringIO(), structlog.get_config()
    handlers, root = logging.root.handlers[:], logging.root
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(kept),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    root.handlers = [logging.StreamHandler(kept)]
    try:
        yield
    finally:
        structlog.configure(**before)
        root.handlers = handlers
        sys.stderr.write(kept.getvalue())
