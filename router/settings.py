"""The environment as Settings: every variable, its default, and one line for whatever is wrong with it.

`python -m router.settings` prints the table of docs/settings.md. This module opens no file and connects to nothing.
"""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from router.domain.errors import Misconfigured

PREFIX = "FRONTDESK_"
Days = Annotated[int, Field(ge=1, le=36_500)]
_ROOT = Path(__file__).parents[1]
# Kubernetes sets these in every pod if a service's name starts with "frontdesk"; the tests read FRONTDESK_TEST_…
_NOT_OURS = re.compile(rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)|{PREFIX}TEST_\w+")
_OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://[^/]+:\d+")  # such as FRONTDESK_PORT=tcp://10.0.0.1:80


def default_data_dir() -> Path:
    """Where the embedded database lives: /var/lib for root, else the state directory of the XDG base directories."""
    if os.geteuid() == 0:
        return Path("/var/lib/frontdesk")
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "frontdesk"


def default_policy_path() -> Path:
    """The policy beside the sources, or the copy that an installed package ships."""
    beside = _ROOT / "deploy" / "policy.yaml"
    return beside if beside.is_file() else _ROOT / "router" / "shipped" / "policy.yaml"


class Settings(BaseSettings):
    """Field `http_port` is variable FRONTDESK_HTTP_PORT; an empty variable counts as unset."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    database_url: str | None = Field(
        None,
        repr=False,
        description="The PostgreSQL that stores everything, `postgresql://user@host/name`. If unset, an embedded one.",
    )
    amqp_url: str | None = Field(
        None,
        repr=False,
        description="The RabbitMQ that messages come from, `amqp://user@host/vhost`. If unset, a table in PostgreSQL.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory of the embedded PostgreSQL. Created if missing; never opened to other users.",
    )
    policy_path: Path = Field(
        default_factory=default_policy_path, description="The policy file: queues, routes, targets, signals."
    )
    channels_path: Path | None = Field(
        None, description="The file of accounts at providers, for webhooks. If unset, there are none."
    )
    http_host: str = Field("127.0.0.1", description="Address on which to serve the API, health and metrics.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port on which to serve them; 0 takes any free one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest severity to log. If unset, short commands log from `warning` on."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`json` for collectors, `console` for people; `auto` uses `console` on a terminal."
    )
    mail_domain: str = Field(
        "frontdesk.invalid",
        pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
        description="Domain of the Message-IDs of replies. Use one that you own.",
    )
    database_connections: int = Field(
        10, ge=2, le=200, description="Most connections that one process opens to PostgreSQL."
    )
    batch_cap: int = Field(200, ge=1, le=1000, description="Most messages that intake records in one transaction.")
    max_in_flight: int = Field(
        200,
        ge=1,
        le=10000,
        description="Most messages from HTTP that one process publishes at once; it refuses more with 429.",
    )
    retention_messages_days: Days = Field(730, description="Days to keep messages and notes.")
    retention_raw_days: Days = Field(90, description="Days to keep the raw bytes of messages.")
    retention_events_days: Days = Field(
        730, description="Days to keep the history of tickets and of changes to agents and customers."
    )
    retention_received_days: Days = Field(90, description="Days for which a repeated message is recognised.")
    retention_unprocessable_days: Days = Field(90, description="Days to keep messages that could not be processed.")

    @field_validator("database_url")
    @classmethod
    def _names_postgres(cls, url: str | None) -> str | None:
        return _with_scheme(url, "postgresql", "postgres")

    @field_validator("amqp_url")
    @classmethod
    def _names_rabbit(cls, url: str | None) -> str | None:
        checked = _with_scheme(url, "amqp", "amqps")
        return checked and _with_address(checked)


def _with_scheme(url: str | None, *schemes: str) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # its message quotes the URL
        raise ValueError("is not a URL: percent-encode the password") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url


def _with_address(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("names no host; write amqp://user@host/vhost")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("names no valid port; percent-encode the password") from None
    return url


def load_settings() -> Settings:
    """Read the environment; raise `Misconfigured` with one line that names each variable at fault."""
    if problems := _unknown_variables():
        raise Misconfigured("; ".join(problems))
    try:
        return Settings()
    except ValidationError as exc:
        raise Misconfigured("; ".join(_problem(error) for error in exc.errors())) from exc


def _unknown_variables() -> list[str]:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    ours = {
        name.upper()
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX) and not _OF_KUBERNETES.fullmatch(value)
    }
    unknown = sorted(name for name in ours.difference(known) if not _NOT_OURS.fullmatch(name))
    return [f"{name} is not a setting; {_suggestion(name.removeprefix(PREFIX))}" for name in unknown]


def _suggestion(name: str) -> str:
    known = [field.upper() for field in Settings.model_fields]
    close = difflib.get_close_matches(name, known, n=1) or [each for each in known if each.endswith(f"_{name}")]
    return f"did you mean {PREFIX}{close[0]}?" if close else "docs/settings.md lists them all"


_SENTENCES = {
    "int_parsing": "{input!r} is not a whole number",
    "int_from_float": "{input!r} is not a whole number",
    "greater_than_equal": "{input} is too small, the least is {ge}",
    "less_than_equal": "{input} is too large, the most is {le}",
    "literal_error": "{input!r} is none of {expected}",
    "string_pattern_mismatch": "{input!r} is not a domain such as support.example.com",
    "value_error": "{error}",  # our own words, without the value, which may hold a password
}


def _problem(error: Any) -> str:
    variable = PREFIX + str(error["loc"][0]).upper()
    sentence = _SENTENCES.get(error["type"], "is not valid")
    return f"{variable}: {sentence.format(input=error['input'], **error.get('ctx', {}))}"


def table() -> str:
    """Every variable with its default and meaning, as the Markdown table of docs/settings.md."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = _DEFAULTS_IN_WORDS.get(name) or (f"`{field.default}`" if field.default is not None else "unset")
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description}{_range(field)} |")
    return "\n".join(rows) + "\n"


def _range(field: FieldInfo) -> str:
    bounds = {name: getattr(bound, name) for bound in field.metadata for name in ("ge", "le") if hasattr(bound, name)}
    return f" {bounds['ge']} to {bounds['le']}." if bounds else ""


_DEFAULTS_IN_WORDS = {
    "data_dir": "`/var/lib/frontdesk` for root, else `~/.local/state/frontdesk`",
    "policy_path": "the one that is shipped, `deploy/policy.yaml`",
}


if __name__ == "__main__":
    sys.stdout.write(table())
