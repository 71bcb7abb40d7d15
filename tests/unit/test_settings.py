"""What the environment may say, and what is said when it is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from router.domain.errors import Misconfigured
from router.settings import PREFIX, Settings, default_data_dir, load_settings, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set variables (without their prefix) in an environment that holds no other of ours."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)

    return change


def test_everything_has_a_default(environment: Environment) -> None:
    environment()
    settings = load_settings()
    assert (settings.database_url, settings.amqp_url) == (None, None)
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.policy_path.is_file()


def test_variables_override_defaults_and_empty_ones_do_not(environment: Environment) -> None:
    environment(HTTP_PORT="9000", AMQP_URL="", DATABASE_URL="postgresql://desk@db.example/desk")
    settings = load_settings()
    assert settings.http_port == 9000
    assert settings.amqp_url is None
    assert settings.database_url == "postgresql://desk@db.example/desk"


def test_every_number_has_a_least_and_a_most() -> None:
    numbers = [field for field in Settings.model_fields.values() if field.annotation is int]
    assert [len(field.metadata) for field in numbers] == [2] * 9


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("HTTP_PORT", "80x", "FRONTDESK_HTTP_PORT: '80x' is not a whole number"),
        ("HTTP_PORT", "70000", "FRONTDESK_HTTP_PORT: 70000 is too large, the most is 65535"),
        ("BATCH_CAP", "0", "FRONTDESK_BATCH_CAP: 0 is too small, the least is 1"),
        (
            "RETENTION_RAW_DAYS",
            "99999999999",
            "FRONTDESK_RETENTION_RAW_DAYS: 99999999999 is too large, the most is 36500",
        ),
        ("LOG_FORMAT", "xml", "FRONTDESK_LOG_FORMAT: 'xml' is none of 'auto', 'json' or 'console'"),
        ("MAIL_DOMAIN", "not a domain", "'not a domain' is not a domain such as support.example.com"),
        ("DATABASE_URL", "mysql://db", "FRONTDESK_DATABASE_URL: must begin with postgresql:// or postgres://"),
        ("AMQP_URL", "http://mq", "FRONTDESK_AMQP_URL: must begin with amqp:// or amqps://"),
        ("AMQP_URL", "amqp://a:sample[secret@mq/", "FRONTDESK_AMQP_URL: is not a URL: percent-encode the password"),
        ("AMQP_URL", "amqp://a:sample\u2105@mq/", "FRONTDESK_AMQP_URL: is not a URL: percent-encode the password"),
        ("AMQP_URL", "amqp:mq", "FRONTDESK_AMQP_URL: names no host; write amqp://user@host/vhost"),
        ("AMQP_URL", "amqp:///vhost", "FRONTDESK_AMQP_URL: names no host; write amqp://user@host/vhost"),
        ("AMQP_URL", "amqp://mq:99999/", "FRONTDESK_AMQP_URL: names no valid port; percent-encode the password"),
        ("AMQP_URL", "amqp://a:b/c@mq", "FRONTDESK_AMQP_URL: names no valid port; percent-encode the password"),
        ("NOSUCH", "1", "FRONTDESK_NOSUCH is not a setting; docs/settings.md lists them all"),
        ("PORT", "9000", "FRONTDESK_PORT is not a setting; did you mean FRONTDESK_HTTP_PORT?"),
        ("HTPP_PORT", "80", "FRONTDESK_HTPP_PORT is not a setting; did you mean FRONTDESK_HTTP_PORT?"),
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(environment: Environment, name: str, value: str, line: str) -> None:
    environment(**{name: value})
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert str(caught.value).endswith(line)
    assert "\n" not in str(caught.value)


def test_all_wrong_variables_are_named_at_once(environment: Environment) -> None:
    environment(HTTP_PORT="x", BATCH_CAP="y")
    with pytest.raises(Misconfigured, match=r"FRONTDESK_HTTP_PORT: .*; FRONTDESK_BATCH_CAP: "):
        load_settings()


def test_passwords_are_never_shown(environment: Environment) -> None:
    environment(DATABASE_URL="postgresql://desk:sample-secret@db/desk", AMQP_URL="amqp://desk:sample-secret@mq/")
    assert "sample-secret" not in repr(load_settings())
    environment(AMQP_URL="ampq://desk:sample-secret@mq/")
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert "sample-secret" not in str(caught.value)


def test_variables_that_kubernetes_adds_for_a_service_are_no_typo(environment: Environment) -> None:
    environment(
        SERVICE_HOST="10.0.0.1",
        PORT="tcp://10.0.0.1:80",
        API_PORT="tcp://[fd00::1]:80",
        PORT_80_TCP_ADDR="10.0.0.1",
        API_SERVICE_PORT="80",
    )
    load_settings()


def test_the_embedded_database_goes_where_nobody_has_to_open_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/frontdesk")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("/state", "/state/frontdesk"),
        ("", "/home/clerk/.local/state/frontdesk"),
        ("relative", "/home/clerk/.local/state/frontdesk"),
    ],
)
def test_the_embedded_database_of_a_user_follows_the_xdg_directories(
    monkeypatch: pytest.MonkeyPatch, state: str, expected: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/clerk")
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert default_data_dir() == Path(expected)


def test_the_document_lists_every_setting_as_the_code_has_it() -> None:
    assert DOCUMENT.read_text().endswith(table()), "docs/settings.md: replace the table by `python -m router.settings`"
