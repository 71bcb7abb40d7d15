"""A process that starts before its servers waits for them and says so; what waiting does not mend ends it at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.command_line import frontdesk
from tests.faults.processes import FRONTDESK, Process
from tests.servers.process import free_port, wait_until
from tests.servers.proxy import Link, linked

SAYS_WITHIN_S = 40


@pytest.fixture
async def links(database_url: str, amqp_url: str) -> AsyncIterator[dict[str, Link]]:
    async with linked(database_url) as database, linked(amqp_url) as broker:
        yield {"DATABASE_URL": database, "AMQP_URL": broker}


def said(process: Process, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in process.log.splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["DATABASE_URL", "AMQP_URL"])
async def test_a_start_waits_for_a_server_that_does_not_answer_yet(
    tmp_path: Path, database_url: str, amqp_url: str, links: dict[str, Link], missing: str
):
    direct = {"DATABASE_URL": database_url, "AMQP_URL": amqp_url}
    settings = {f"FRONTDESK_{name}": link.url(direct[name]) for name, link in links.items()}
    links[missing].lose()
    process = Process(tmp_path / "log", {**settings, "FRONTDESK_LOG_FORMAT": "json"}, (*FRONTDESK, "up"))
    assert await asyncio.to_thread(
        wait_until, lambda: process.has_ended or said(process, "start waits"), within_s=SAYS_WITHIN_S
    )
    assert not process.has_ended, process.log
    [line] = said(process, "start waits")
    assert str(line["reason"]).startswith(f"FRONTDESK_{missing}: ")
    assert str(links[missing].port) in str(line["reason"])
    assert "did not answer" in str(line["reason"]) or "no answer" in str(line["reason"])
    links[missing].restore()
    await asyncio.to_thread(process.is_ready)
    await asyncio.to_thread(process.stop)
    assert "Traceback" not in process.log


async def test_a_start_waits_for_a_server_that_is_not_there_until_it_is_told_to_stop(tmp_path: Path):
    url = f"postgresql://ada:sample-password@127.0.0.1:{free_port()}/desk"
    settings = {"FRONTDESK_DATABASE_URL": url, "FRONTDESK_LOG_FORMAT": "json"}
    process = Process(tmp_path / "log", settings, (*FRONTDESK, "api"))
    assert await asyncio.to_thread(wait_until, lambda: said(process, "start waits"), within_s=SAYS_WITHIN_S)
    assert "sample-password" not in process.log
    await asyncio.to_thread(process.stop)


def test_a_database_that_does_not_exist_ends_the_start(database_url: str):
    wrong = urlsplit(database_url)._replace(path="/no_such_database").geturl()
    ended = frontdesk("api", FRONTDESK_DATABASE_URL=wrong)
    assert ended.status == 1
    assert ended.err.startswith("frontdesk: FRONTDESK_DATABASE_URL: cannot connect to ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("user", "path", "words"),
    [
        ("guest:wrong", "/", "refuses the user or the password"),
        ("guest:guest", "/no-such-vhost", "virtual host 'no-such-vhost' does not exist"),
    ],
)
def test_a_broker_that_refuses_us_ends_the_start(database_url: str, broker_url: str, user: str, path: str, words: str):
    server = urlsplit(broker_url).netloc.rpartition("@")[2]
    ended = frontdesk("intake", FRONTDESK_DATABASE_URL=database_url, FRONTDESK_AMQP_URL=f"amqp://{user}@{server}{path}")
    assert ended.status == 1
    assert ended.err.startswith("frontdesk: FRONTDESK_AMQP_URL: ")
    assert words in ended.err
    assert ended.err.count("\n") == 1
