"""Wrong settings and unreachable servers: one line that names the setting and the server, exit 1, no traceback."""

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.command_line import FRONTDESK, environment, frontdesk
from tests.servers.process import free_port


@pytest.mark.parametrize("command", [("migrate",), ("token", "list")], ids=" ".join)
def test_a_database_that_is_not_there(command: Sequence[str]):
    port = free_port()
    url = f"postgresql://ada:sample-password@127.0.0.1:{port}/desk"
    ended = frontdesk(*command, FRONTDESK_DATABASE_URL=url)
    assert ended.status == 1
    assert ended.err.startswith(
        f"frontdesk: FRONTDESK_DATABASE_URL: cannot connect to postgresql://ada@127.0.0.1:{port}/"
    )
    assert is_one_line(ended.err)


def test_a_database_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/desk"
        ended = frontdesk("migrate", FRONTDESK_DATABASE_URL=url)
    assert (ended.status, ended.err) == (
        1,
        f"frontdesk: FRONTDESK_DATABASE_URL: {url} did not answer within 5 s\n",
    )


def test_a_password_in_the_query_of_the_url_is_not_shown():
    url = f"postgresql://ada@127.0.0.1:{free_port()}/desk?password=sample@password&sslpassword=sample"
    ended = frontdesk("migrate", FRONTDESK_DATABASE_URL=url)
    assert "/desk?password=***&sslpassword=***: " in ended.err
    assert is_one_line(ended.err)


def test_an_output_that_cannot_be_written():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*FRONTDESK, "--version"], stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"frontdesk: cannot write the output: No space left on device\n")


def test_a_setting_that_is_wrong():
    ended = frontdesk("switch", "status", FRONTDESK_BATCH_CAP="many")
    assert ended.err == "frontdesk: FRONTDESK_BATCH_CAP: 'many' is not a whole number\n"
    assert (ended.status, ended.out) == (1, "")


def test_a_policy_that_is_not_there(database_url: str):
    ended = frontdesk("team", "list", FRONTDESK_DATABASE_URL=database_url, FRONTDESK_POLICY_PATH="/nope")
    assert ended.err == "frontdesk: FRONTDESK_POLICY_PATH: /nope: cannot be read: No such file or directory\n"


def test_a_broker_that_is_not_there(database_url: str, tmp_path: Path):
    body = tmp_path / "body.json"
    body.write_text("{}")
    port = free_port()
    settings = {"FRONTDESK_DATABASE_URL": database_url, "FRONTDESK_AMQP_URL": f"amqp://127.0.0.1:{port}/"}
    ended = frontdesk("send", str(body), "--format", "email.rfc822", "--account", "support@acme.example", **settings)
    assert (ended.status, ended.out) == (1, "")
    assert f"FRONTDESK_AMQP_URL: connecting to 127.0.0.1:{port}: " in ended.err
    assert is_one_line(ended.err)


def test_a_port_that_is_taken(database_url: str, server_url: str):
    taken = str(urlsplit(server_url).port)
    ended = frontdesk("timers", FRONTDESK_DATABASE_URL=database_url, FRONTDESK_HTTP_PORT=taken)
    assert ended.status == 1
    assert "FRONTDESK_HTTP_HOST, FRONTDESK_HTTP_PORT: cannot listen on 127.0.0.1:" + taken in ended.err
    assert "Traceback" not in ended.err


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n")
