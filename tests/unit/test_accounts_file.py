"""The file of accounts: what it describes, and the sentence for each fault it can have."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.__main__ import cli
from router.accounts.model import SecretPlace
from router.accounts.parse import parse_accounts
from router.files.checked import FileError
from router.local.accounts_file import AccountsFile
from tests.making.accounts import write_accounts

ROOT = Path(__file__).parents[2]
GOOD = """
accounts:
  - {name: support, channel: sms, provider: twilio, address: "+4930123456", secrets: {auth_token: {env: TOKEN}}}
"""


def test_the_sample_is_good_and_says_nothing_secret():
    accounts = parse_accounts((ROOT / "deploy/channels.yaml").read_text())
    assert accounts.public_url == "https://desk.example.com"
    assert [(each.format, each.path) for each in accounts.by_name.values()] == [
        ("sms.twilio", "/v1/channels/sms/twilio/support-sms"),
        ("social.whatsapp", "/v1/channels/social/whatsapp/support-whatsapp"),
    ]
    assert accounts.by_name["support-sms"].secrets == {"auth_token": (SecretPlace("env", "TWILIO_AUTH_TOKEN"),)}


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ("accounts", "acounts", "the file: unknown key 'acounts'; known keys are public_url, accounts"),
        ("accounts:", "public_url: desk.example\naccounts:", "public_url: 'desk.example' is not an address: write"),
        ("name: support", "name: Support!", "accounts[0] 'Support!', name: 'Support!' is not a name: use 1 to 24"),
        (
            "channel: sms",
            "channel: fax",
            "accounts[0] 'support', channel: 'fax' is not one of email",
        ),
        (
            "provider: twilio",
            "provider: acme",
            "accounts[0] 'support': sms by 'acme' has no webhook here",
        ),
        ("channel: sms", "channel: chat", "accounts[0] 'support': chat by 'twilio' has no webhook here; known are sms"),
        ('"+4930123456"', '""', "accounts[0] 'support', address: must name at least one"),
        ("auth_token: {", "token: {", "accounts[0] 'support': twilio needs the secrets auth_token, and no others"),
        (
            "{env: TOKEN}",
            "sample-secret",
            "accounts[0] 'support', secrets.auth_token.0: must not be in this file",
        ),
        ("{env: TOKEN}", "{env: A, file: B}", "accounts[0] 'support', secrets.auth_token.0: write either env"),
        ("{env: TOKEN}", "[]", "accounts[0] 'support', secrets.auth_token: must name at least one"),
        (GOOD, GOOD + GOOD.splitlines()[-1], "accounts: the name 'support' appears twice"),
    ],
)
def test_each_fault_is_one_sentence_that_names_its_place(good: str, bad: str, problem: str):
    with pytest.raises(FileError) as refused:
        parse_accounts(GOOD.replace(good, bad, 1))
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(problem)
    assert "sample-secret" not in str(refused.value)


def test_a_secret_that_changes_counts_at_the_next_look_and_is_not_shown(tmp_path: Path):
    file = AccountsFile(write_accounts(tmp_path))
    before = file.read()
    (tmp_path / "twilio").write_text("sample-changed")
    after = file.read()
    assert before != after
    assert before.of(before.accounts.by_name["support"]) == {"auth_token": ("sample-twilio",)}
    assert after.of(after.accounts.by_name["support"]) == {"auth_token": ("sample-changed",)}
    assert "sample" not in repr(after)


def test_without_a_file_there_are_no_accounts():
    assert AccountsFile(None).read().accounts.by_name == {}


def test_check_says_what_to_enter_at_each_provider_and_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_accounts(tmp_path)
    monkeypatch.delenv("SAMPLE_VERIFY_TOKEN", raising=False)
    missing = CliRunner().invoke(cli, ["channels", "check", str(path)])
    assert missing.exit_code == 1
    assert "support: sms by twilio, +4930123456" in missing.stdout
    assert "enter https://desk.example.com/v1/channels/sms/twilio/support\n" in missing.stdout
    assert "MISSING in env SAMPLE_VERIFY_TOKEN" in missing.stdout
    monkeypatch.setenv("SAMPLE_VERIFY_TOKEN", "sample")
    assert CliRunner().invoke(cli, ["channels", "check", str(path)]).exit_code == 0


def test_check_tells_each_fault_of_a_broken_file(tmp_path: Path):
    path = tmp_path / "channels.yaml"
    path.write_text("accounts: [")
    broken = CliRunner().invoke(cli, ["channels", "check", str(path)])
    assert (broken.exit_code, broken.stdout.count("\n")) == (1, 1)
    assert broken.stdout.startswith("line 1, column 12: ")
