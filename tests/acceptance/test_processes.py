"""Processes by themselves: what each needs to start, and how it ends when told to."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from aiohttp import ClientSession

from router.api.connections import SHUTDOWN_S
from router.app import ProcessRole
from router.settings import Settings
from tests.acceptance.deployed import deployed
from tests.clients import command_line
from tests.clients.api import Caller
from tests.clients.command_line import DEADLINE_S, FRONTDESK, environment
from tests.servers.process import free_port

# Leads the session of the terminal on its standard input, and waits for its child through a hangup.
LIKE_MAKE = """
import fcntl, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, lambda *_: None)
subprocess.call(sys.argv[1:])
"""


async def test_timers_start_without_the_broker(settings: Settings):
    without_broker = settings.model_copy(update={"amqp_url": None})
    async with deployed(without_broker, frozenset({ProcessRole.TIMERS})) as frontdesk:
        await frontdesk.is_ready()
        assert {task.get_name() for task in asyncio.all_tasks()} >= {"gauges", "maintenance", "offers", "relaxation"}


def test_a_process_that_uses_no_broker_starts_while_there_is_none(database_url: str):
    nowhere = f"amqp://127.0.0.1:{free_port()}/"
    with command_line.serving("timers", Settings(database_url=database_url, amqp_url=nowhere, http_port=0)) as timers:
        timers.stop()


async def test_a_process_ends_at_once_though_an_agent_waits_for_a_ticket(database_url: str):
    settings = Settings(database_url=database_url, http_port=0)
    person = ("--role", "agent", "--agent", "Ada", "--team", "frontline")
    secret = command_line.frontdesk("token", "create", "ada", *person, settings=settings).out.strip()
    with command_line.serving("api", settings) as api:
        async with ClientSession(api.address) as session:
            ada = Caller(session, secret)
            waiting = asyncio.create_task(ada.post("/v1/me/next?wait=60"))
            assert (await ada.get("/v1/me/tickets")).status == 200  # by now the other request has been read
            stopping_at = time.monotonic()
            await asyncio.to_thread(api.stop)
            assert time.monotonic() - stopping_at < SHUTDOWN_S / 2
            assert (await waiting).status == 204


def test_a_process_ends_with_its_terminal_though_whoever_started_it_keeps_that_to_itself(database_url: str):
    ours, theirs = os.openpty()
    like_make = subprocess.Popen(
        [sys.executable, "-c", LIKE_MAKE, *FRONTDESK, "timers"],
        env=environment(Settings(database_url=database_url, http_port=0)),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while b"answers on" not in said:
        said += os.read(ours, 1000)
    os.close(ours)
    like_make.wait(DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_says_so_with_its_status(number: signal.Signals):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://desk@127.0.0.1:{silent.getsockname()[1]}/desk"
        process = subprocess.Popen(
            [*FRONTDESK, "migrate"], env=environment(FRONTDESK_DATABASE_URL=url), stderr=subprocess.PIPE
        )
        silent.settimeout(DEADLINE_S)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(number)
            _, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, said) == (130, b"")
