"""Turns the text of a file of accounts into `Accounts`, or into sentences that say what is wrong. Reads no files."""

from collections import Counter
from hashlib import sha256

from router.accounts.model import Account, Accounts, SecretPlace
from router.accounts.schema import AccountSection, AccountsSection, SecretSection
from router.files.checked import FileError, read


def parse_accounts(text: str) -> Accounts:
    """Return the accounts that the text describes. Raises `FileError` with every fault found."""
    section = read(text, AccountsSection)
    names = Counter(account.name for account in section.accounts)
    if repeated := [name for name, times in names.items() if times > 1]:
        raise FileError(f"accounts: the name '{name}' appears twice" for name in repeated)
    accounts = [_account(each) for each in section.accounts]
    return Accounts(
        version=sha256(text.encode()).hexdigest()[:12],
        public_url=section.public_url,
        by_name={account.name: account for account in accounts},
    )


def _account(section: AccountSection) -> Account:
    return Account(
        name=section.name,
        channel=section.channel,
        provider=section.provider,
        address=section.address,
        secrets={name: tuple(map(_place, places)) for name, places in section.secrets.items()},
    )


def _place(section: SecretSection) -> SecretPlace:
    return SecretPlace("env", section.env) if section.env else SecretPlace("file", section.file or "")
