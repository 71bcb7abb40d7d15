"""What the file of accounts describes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from channels.formats import FORMATS
from channels.message import Channel
from channels.webhook import Hook, Secrets


class SecretPlace(NamedTuple):
    """Where a secret is kept: a variable of the environment, or a file."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Our side of a channel at one provider. `name` is its name in addresses and logs, `address` what customers see."""

    name: str
    channel: Channel
    provider: str
    address: str
    secrets: Mapping[str, tuple[SecretPlace, ...]]

    @property
    def format(self) -> str:
        """The format of what the provider sends."""
        return f"{self.channel}.{self.provider}"

    @property
    def hook(self) -> Hook:
        """How the provider calls us."""
        hook = FORMATS[self.format].hook
        assert hook is not None  # `parse` takes no account without one
        return hook

    @property
    def path(self) -> str:
        """The path of its webhook."""
        return f"/v1/channels/{self.channel}/{self.provider}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All accounts by name. `public_url` is where providers reach us; None if it is what they ask for."""

    version: str
    public_url: str | None = None
    by_name: Mapping[str, Account] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The accounts with their secrets as they are now; a secret that is not where the file says is missing."""

    accounts: Accounts
    secrets: Mapping[SecretPlace, str] = field(repr=False)

    @property
    def version(self) -> str:
        return self.accounts.version

    def of(self, account: Account) -> Secrets | None:
        """Return the account's secrets; None if one of them is in none of its places."""
        found = {name: self._found(places) for name, places in account.secrets.items()}
        return found if all(found.values()) else None

    def _found(self, places: tuple[SecretPlace, ...]) -> tuple[str, ...]:
        return tuple(self.secrets[place] for place in places if place in self.secrets)

    def problems(self) -> list[str]:
        """Return one line for each secret that is missing."""
        return [
            f"account {account.name}: {name} is not in {place}"
            for account in self.accounts.by_name.values()
            for name, places in account.secrets.items()
            for place in places
            if place not in self.secrets
        ]
