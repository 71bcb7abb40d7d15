"""Takes what providers send us: checks that it is theirs, publishes it as it came, and answers once it is durable."""

from collections.abc import Callable
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from channels import formats
from channels.message import Channel
from channels.webhook import Secrets
from router.accounts.model import Account, Keys
from router.api.access import INTEGRATIONS
from router.api.endpoint import Answer, Call, Endpoint, Model, PossibleAnswer
from router.api.errors import Problem
from router.api.room import Room
from router.domain.errors import NotFound, Unavailable
from router.flow.run.bus import Exchange, Publication, Publisher
from router.metrics import Metrics, begin_at_zero

_PATH = "/v1/channels/{channel}/{provider}/{account}"
_PROVIDERS = sorted({each.name.rpartition(".")[2] for each in formats.FORMATS.values() if each.hook})
_OUTCOMES = ("accepted", "refused", "unavailable")
_WORD = Annotated[str, Field(min_length=1, max_length=64)]


class AccountPath(Model):
    """An account by its name in the file of accounts."""

    channel: Channel
    provider: _WORD
    account: _WORD


class WebhookEndpoints:
    """The addresses that providers are given. What cannot be checked now is answered 503: providers send it again."""

    def __init__(self, *, keys: Callable[[], Keys], publisher: Publisher, room: Room, metrics: Metrics) -> None:
        self._keys = keys
        self._publisher = publisher
        self._room = room
        self._counted = metrics.webhooks
        begin_at_zero(self._counted, _PROVIDERS, _OUTCOMES)

    def endpoints(self) -> list[Endpoint]:
        published = PossibleAnswer("What came is durable.", str, "text/plain")
        return [
            Endpoint(
                method="POST",
                path=_PATH,
                summary="Where a provider sends what customers write. The provider's signature is its token.",
                handle=self.receive,
                answers={
                    200: published,
                    403: PossibleAnswer.problem("The account or the signature is not known here."),
                    503: PossibleAnswer.problem("It could not be checked or stored: send it again.", "Retry-After"),
                },
            ),
            Endpoint(
                method="GET",
                path=_PATH,
                summary="How some providers try the address before they use it.",
                handle=self.greet,
                answers={
                    200: PossibleAnswer("The provider's challenge.", str, "text/plain"),
                    403: PossibleAnswer.problem("The account or the verify token is not known here."),
                },
            ),
            Endpoint(
                method="POST",
                path=f"{_PATH}/raw",
                summary="Send in a payload of a provider without its signature, to try an account.",
                handle=self.try_out,
                roles=INTEGRATIONS,
                answers={200: published},
            ),
        ]

    async def receive(self, path: AccountPath, call: Call) -> Answer:
        account, secrets = self._known(path)
        url = self._keys().accounts.public_url
        if not account.hook.verify(call.request(f"{url}{call.target}" if url else None), secrets):
            self._counted.labels(account.provider, "refused").inc()
            raise _not_theirs()
        return await self._publish(account, call.raw)

    async def greet(self, path: AccountPath, call: Call) -> Answer:
        account, secrets = self._known(path)
        challenge = account.hook.greet(call.query, secrets) if account.hook.greet else None
        if challenge is None:
            raise _not_theirs()
        return Answer(content=challenge.encode(), content_type="text/plain")

    async def try_out(self, path: AccountPath, call: Call) -> Answer:
        account = self._account(path)
        if account is None:
            raise NotFound(f"The file of accounts has no {path.account} of {path.channel} by {path.provider}.")
        return await self._publish(account, call.raw)

    def _known(self, path: AccountPath) -> tuple[Account, Secrets]:
        account = self._account(path)
        if account is None:
            raise _not_theirs()
        secrets = self._keys().of(account)
        if secrets is None:
            self._counted.labels(account.provider, "unavailable").inc()
            raise Unavailable("The request cannot be checked now: send it again.")
        return account, secrets

    def _account(self, path: AccountPath) -> Account | None:
        account = self._keys().accounts.by_name.get(path.account)
        is_meant = account is not None and (account.channel, account.provider) == (path.channel, path.provider)
        return account if is_meant else None

    async def _publish(self, account: Account, raw: bytes) -> Answer:
        try:
            with self._room.taken():
                await self._publisher.publish(_publication(account, raw))
        except (Problem, Unavailable):
            self._counted.labels(account.provider, "unavailable").inc()
            raise Unavailable("The message could not be stored now: send it again.") from None
        self._counted.labels(account.provider, "accepted").inc()
        return Answer(content=account.hook.thanks, content_type=account.hook.thanks_type)


def _not_theirs() -> Problem:
    return Problem(403, "Refused", "This request is not known here.")


def _publication(account: Account, raw: bytes) -> Publication:
    return Publication(
        exchange=Exchange.INBOUND,
        routing_key=formats.routing_key(account.channel, account.format),
        format=account.format,
        body=raw,
        message_id=uuid4().hex,
    )
