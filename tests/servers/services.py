"""`python -m tests.servers.services COMMAND…` runs a command beside a RabbitMQ and a PostgreSQL of its own.

What FRONTDESK_TEST_AMQP_URL or FRONTDESK_TEST_DATABASE_URL already names is used as it is. Set
FRONTDESK_TEST_DURABLE=1 to let PostgreSQL wait for the disk, as a benchmark must.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.servers import postgres as postgres_server
from tests.servers import rabbit as rabbit_node
from tests.servers.postgres import PostgresServer
from tests.servers.rabbit import RabbitNode

AMQP_URL = "FRONTDESK_TEST_AMQP_URL"
RABBIT_API_URL = "FRONTDESK_TEST_RABBIT_API_URL"
DATABASE_URL = "FRONTDESK_TEST_DATABASE_URL"
CHILD_ENDS_WITHIN_S = 30


def main(command: list[str]) -> int:
    """Return the command's exit code, once everything that was started for it has stopped."""
    if not command:
        sys.exit("usage: python -m tests.servers.services COMMAND…")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    install(missing_packages())
    with ExitStack() as running:
        try:
            return _run(command, os.environ | start_services(running))
        finally:
            _ignore_signals()  # a second Ctrl-C must not keep the servers from being stopped


def start_services(running: ExitStack) -> dict[str, str]:
    """Start what the environment does not name; return the variables that name it."""
    started: dict[str, str] = {}
    if not os.environ.get(DATABASE_URL):
        durable = os.environ.get("FRONTDESK_TEST_DURABLE") == "1"
        started[DATABASE_URL] = running.enter_context(PostgresServer(durable=durable)).url
    if not os.environ.get(AMQP_URL):
        node = running.enter_context(RabbitNode())
        started |= {AMQP_URL: node.url, RABBIT_API_URL: node.api_url}
    return started


def missing_packages() -> list[str]:
    """Return the Debian packages whose servers this run has to start and this machine lacks."""
    wanted = {
        "postgresql-15": (DATABASE_URL, postgres_server.BINARIES / "postgres"),
        "rabbitmq-server": (AMQP_URL, rabbit_node.BINARIES / "rabbitmq-server"),
    }
    return [name for name, (variable, binary) in wanted.items() if not os.environ.get(variable) and not binary.exists()]


def install(packages: list[str]) -> None:
    """Install with apt, without starting anything; exit saying what to do where that is impossible."""
    if not packages:
        return
    names = " ".join(packages)
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        sys.exit(
            f"The tests need {names}. Install them (Debian: sudo apt-get install --no-install-recommends {names}), "
            f"or name running servers in {DATABASE_URL} and {AMQP_URL}."
        )
    sys.stderr.write(f"Installing {names} …\n")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_autostart():
        for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(["apt-get", *step], env=environment, check=False, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"apt-get {' '.join(step)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


@contextmanager
def _no_autostart(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Keep Debian's packages from starting the servers they install; whatever policy was there comes back."""
    kept = policy.with_name("policy-rc.d.frontdesk-kept")
    if policy.exists():
        policy.rename(kept)
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        kept.rename(policy) if kept.exists() else policy.unlink()


def _run(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env=environment)
    try:
        code = child.wait()
    except SystemExit as stopped:
        _ignore_signals()
        if stopped.code != 128 + signal.SIGINT:  # Ctrl-C has reached the child already
            child.send_signal(signal.SIGINT)
        _end(child)
        raise
    return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(CHILD_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
