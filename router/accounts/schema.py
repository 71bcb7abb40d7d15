"""The shape of the file of accounts: every field with its description."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from channels.formats import FORMATS
from channels.message import Channel
from router.files.section import Section
from router.policy.fields import Name, NotEmpty


class SecretSection(Section):
    """Where one secret is kept; the file itself holds none."""

    env: Annotated[str, NotEmpty] | None = Field(None, description="The variable of the environment that holds it.")
    file: Annotated[str, NotEmpty] | None = Field(None, description="The file that holds it, and nothing else.")

    @model_validator(mode="after")
    def _one_place(self) -> "SecretSection":
        if (self.env is None) == (self.file is None):
            raise ValueError("write either env: VARIABLE or file: PATH")
        return self


def _reference(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise ValueError("must not be in this file: write {env: VARIABLE} or {file: PATH}")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _url(text: str) -> str:
    if not text.startswith(("https://", "http://")) or "?" in text or "#" in text:
        raise ValueError(f"'{text}' is not an address: write https://host, and a path if a proxy adds one")
    return text.rstrip("/")


Secret = Annotated[SecretSection, BeforeValidator(_reference)]
SecretList = Annotated[tuple[Secret, ...], BeforeValidator(_listed), NotEmpty]
PublicUrl = Annotated[str, AfterValidator(_url)]


class AccountSection(Section):
    """Our side of a channel at one provider."""

    name: Name = Field(description="A short name, for its webhook's address and for logs. Unique.")
    channel: Channel = Field(description="How customers reach it: email, chat, sms or social.")
    provider: str = Field(description="Who carries it, such as twilio or whatsapp.")
    address: Annotated[str, NotEmpty] = Field(description="Our number, mailbox or id, as the provider writes it.")
    secrets: dict[str, SecretList] = Field(
        default_factory=dict,
        description="Where each secret is kept. Several at once while one is replaced: all of them count.",
    )

    @model_validator(mode="after")
    def _provider_is_known(self) -> "AccountSection":
        known = [each for each in FORMATS.values() if each.hook]
        found = next((each.hook for each in known if each.name == f"{self.channel}.{self.provider}"), None)
        if found is None:
            names = ", ".join(each.name.replace(".", " by ") for each in known)
            raise ValueError(f"{self.channel} by '{self.provider}' has no webhook here; known are {names}")
        if self.secrets.keys() != found.secrets.keys():
            raise ValueError(f"{self.provider} needs the secrets {', '.join(found.secrets)}, and no others")
        return self


class AccountsSection(Section):
    """The whole file."""

    public_url: PublicUrl | None = Field(
        None,
        description="Where providers reach us, such as `https://desk.example.com`. Needed behind a proxy: signatures "
        "cover the address.",
    )
    accounts: tuple[AccountSection, ...] = Field((), description="The accounts.")
