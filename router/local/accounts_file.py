"""Reads the file of accounts, and the secrets that it names."""

import os
from pathlib import Path

from router.accounts.model import Accounts, Keys, SecretPlace
from router.accounts.parse import parse_accounts
from router.local.text_file import read_text

LONGEST_SECRET = 4096


class AccountsFile:
    """The file at `path`; without a path there are no accounts."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._text = ""
        self._accounts = Accounts(version="none")

    def read(self) -> Keys:
        """Return what the file and the places of its secrets say now; raises `FileError` if the file is broken."""
        if self._path is not None and (text := read_text(self._path)) != self._text:
            self._accounts, self._text = parse_accounts(text), text
        places = {
            place
            for account in self._accounts.by_name.values()
            for places in account.secrets.values()
            for place in places
        }
        found = {place: _secret(place) for place in places}
        return Keys(accounts=self._accounts, secrets={place: secret for place, secret in found.items() if secret})


def _secret(place: SecretPlace) -> str:
    if place.kind == "env":
        return os.environ.get(place.name, "").strip()
    try:
        with Path(place.name).open("rb") as file:
            return file.read(LONGEST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
