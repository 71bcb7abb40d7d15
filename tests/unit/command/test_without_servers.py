"""Commands that need no server: what they say about payloads and policies, and about arguments that cannot be."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from router.__main__ import cli

TESTS = Path(__file__).parents[2]
WHATSAPP = TESTS / "payloads" / "social.whatsapp" / "several.json"
CHAT = {
    "id": "1",
    "channel": "chat",
    "provider": "webchat",
    "account": "shop.example",
    "from": {"kind": "user", "value": "visitor-1"},
    "sent_at": "2026-03-01T09:30:00Z",
    "text": "Hello?",
}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch):
    for name in filter(re.compile("FRONTDESK_").match, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setattr("router.command.logs.configure", lambda **_: None)  # it would be set up for good


def frontdesk(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin, prog_name="frontdesk")


def test_validate_says_what_a_good_payload_would_come_in_as():
    ended = frontdesk("validate", "-", stdin=json.dumps(CHAT).encode())
    assert (ended.exit_code, ended.stdout) == (0, "chat shop.example 1 from user:webchat:visitor-1\n")


def test_validate_names_what_is_wrong_in_one_message_of_many():
    ended = frontdesk("validate", WHATSAPP, "--format", "social.whatsapp")
    assert (ended.exit_code, ended.stdout) == (1, "entry.0.changes.0.value.messages.1.text: is missing\n")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"{", "body: is not JSON"),
        (b'"\n"', "body: is not JSON: Invalid control character at line 1"),
        (json.dumps({**CHAT, "channel": "fax"}).encode(), "channel: "),
        (b"\xff", "body: is not UTF-8"),
    ],
)
def test_validate_refuses_a_bad_payload(payload: bytes, said: str):
    ended = frontdesk("validate", "-", stdin=payload)
    assert (ended.exit_code, ended.stdout[: len(said)]) == (1, said)


def test_what_is_no_message_v1_is_not_sent_as_one_unless_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", "postgresql://127.0.0.1:1/nobody")
    monkeypatch.setenv("FRONTDESK_AMQP_URL", "amqp://127.0.0.1:1/")
    mail = TESTS / "payloads" / "email.rfc822" / "plain.eml"
    ended = frontdesk("send", mail)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "frontdesk: --format: is missing, and the payload is not valid message.v1: body: is not JSON"
    )
    told = frontdesk("send", mail, "--format", "message.v1")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("frontdesk: FRONTDESK_")


def test_validate_says_as_what_it_read_a_payload_of_unsaid_format():
    hint = "The payload was read as message.v1; use --format to name another format.\n"
    assert frontdesk("validate", "-", stdin=b"From: ada@example.com").stderr == hint
    assert frontdesk("validate", "-", "--format", "message.v1", stdin=b"{").stderr == ""


@pytest.mark.parametrize("command", ["validate", "send"])
def test_an_unknown_format_is_answered_with_the_known_ones(command: str):
    ended = frontdesk(command, "-", "--format", "fax.v1")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("frontdesk: --format: 'fax.v1' is unknown: choose one of message.v1, email.rfc822,")


def test_a_good_policy_is_counted():
    ended = frontdesk("policy", "check", TESTS / "policies" / "good.yaml")
    assert ended.exit_code == 0
    assert ended.stdout.startswith("version ")


def test_every_fault_of_a_policy_has_a_line():
    ended = frontdesk("policy", "check", TESTS / "policies" / "several-faults.yaml")
    assert ended.exit_code == 1
    assert [line.partition(":")[0] for line in ended.stdout.splitlines()] == [
        "routes[0] 'complex', queue",
        "routes[0] 'complex', skills.0",
        "routes[0] 'complex', target",
    ]


def test_a_policy_that_is_no_text_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe")
    ended = frontdesk("policy", "check", tmp_path / "policy.yaml")
    assert (ended.exit_code, ended.stdout) == (1, "is not UTF-8\n")


@pytest.mark.parametrize("id_", ["0", "-1", str(2**63), "one"])
def test_an_id_that_cannot_be_is_refused_before_anything_is_asked(id_: str):
    for command in (("customer", "block"), ("unprocessable", "show"), ("unprocessable", "replay")):
        ended = frontdesk(*command, "--", id_)
        assert (ended.exit_code, ended.stdout) == (2, "")


@pytest.mark.parametrize("days", ["0", "3651", "99999999999"])
def test_a_token_lasts_ten_years_at_most(days: str):
    ended = frontdesk("token", "create", "old", "--role", "admin", "--days", days)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "--days" in ended.stderr


def test_the_version_is_told():
    assert frontdesk("--version").stdout.startswith("frontdesk 0.")


def test_the_embedded_database_needs_no_migrate():
    assert frontdesk("migrate").stdout == "The embedded database migrates itself when it starts.\n"


@pytest.mark.parametrize(
    "command", [(), ("token",), ("unprocessable",), ("customer",), ("switch",), ("bus",), ("policy",)]
)
def test_a_command_alone_shows_what_there_is(command: tuple[str, ...]):
    assert "Commands:" in frontdesk(*command).output


def test_a_message_can_be_tried_on_a_policy():
    text = "Mein Anwalt wird gegen Sie Klage einreichen, wenn ich nichts höre."
    ended = frontdesk("policy", "try", "--text", text, "--channel", "chat")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "queue expert of team specialists, to be answered within 5m\nfor an agent with german" in ended.stdout
    assert "mentions 'anwalt'" in ended.stdout
    assert "channel is chat, not social" in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_a_payload_can_be_tried_in_its_own_format():
    mail = TESTS / "cases" / "01-e-variant-precedence-only.eml"
    ended = frontdesk("policy", "try", mail, "--format", "email.rfc822", "--policy", TESTS / "policies" / "good.yaml")
    assert ended.exit_code == 0
    assert "email from dov@firm.example" in ended.stdout


def test_what_would_begin_no_ticket_is_said():
    ended = frontdesk("policy", "try", "--text", "Hello", "--from", "a@spam.example")
    assert "begins no ticket: the sender is blocked" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "FILE: name either a payload or --text"),
        (("--text", "x", "--channel", "sms", "--from", "foo"), "from.value: is not a phone number"),
        (("--text", ""), "text: a message needs at least one of text, html, subject and attachments"),
    ],
)
def test_what_cannot_be_tried_is_told_in_one_line(arguments: tuple[str, ...], problem: str):
    ended = frontdesk("policy", "try", *arguments)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"frontdesk: {problem}")
    assert len(ended.stderr.splitlines()) == 1


def test_a_message_that_goes_elsewhere_fails_the_tests_of_the_policy(tmp_path: Path):
    expected = "tests: [{name: chats are live, message: {channel: chat, text: Hello}, expect: {queue: expert}}]"
    (tmp_path / "mine.yaml").write_text(expected)
    ended = frontdesk("policy", "test", tmp_path / "mine.yaml")
    assert ended.exit_code == 1
    assert ended.stdout == (
        "FAILED chats are live: queue is live, not expert (route 'chat' decided)\n1 test, 1 failed\n"
    )
    assert frontdesk("policy", "test").stdout.endswith("tests, 0 failed\n")
