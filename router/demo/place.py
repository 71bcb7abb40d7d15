"""Where the demonstration takes place: a directory that is gone afterwards, and a log that does not tear the board."""

import io
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import structlog

from router.demo.pace import hastened
from router.domain.errors import Misconfigured
from router.settings import Settings, default_policy_path

_ROOMY = "/var/tmp"  # noqa: S108 - mkdtemp makes a directory of our own in it; /tmp may lie in memory


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a new directory and remove it with everything in it; raises `Misconfigured` where that is impossible."""
    try:
        folder = Path(mkdtemp(prefix=f"frontdesk-demo-{os.getpid()}-", dir=_ROOMY))
    except OSError as exc:
        raise Misconfigured(f"cannot make a directory in {_ROOMY}: {exc.strerror or exc}") from exc
    try:
        folder.chmod(0o711)  # started by root, the database has an account of its own, which must get through
        yield folder
    finally:
        shutil.rmtree(folder)


def embedded(settings: Settings, folder: Path) -> Settings:
    """The settings with everything of its own in `folder`, whatever database and broker they name."""
    policy = folder / "policy.yaml"
    policy.write_text(hastened(default_policy_path().read_text()))
    own = {
        "database_url": None,
        "amqp_url": None,
        "data_dir": folder / "data",
        "policy_path": policy,
        "http_host": "127.0.0.1",
        "http_port": 0,
    }
    return settings.model_copy(update=own)


@contextmanager
def log_kept_back() -> Iterator[None]:
    """Keep the log from the terminal, and write its warnings and errors to standard error at the end."""
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
