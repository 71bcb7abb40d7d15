"""A client of the HTTP API, like an agent's desktop or a monitoring system."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

ACCEPTED = frozenset({200, 201, 204})
DECLINED = frozenset({404, 409})
_SILENT_S = 30.0


class Refused(Exception):
    """The API did not do what was asked, or could not be asked."""


class Declined(Refused):
    """The ticket has moved on or does not exist: somebody was faster."""


@dataclass(slots=True)
class Refusals:
    """How many requests were refused, and the latest; those where somebody was faster do not count."""

    count: int = 0
    latest: str = ""

    def note(self, refusal: Refused) -> None:
        if not isinstance(refusal, Declined):
            self.count, self.latest = self.count + 1, str(refusal)


@dataclass(frozen=True, slots=True)
class Api:
    """The API at the base address of `session`, used with one token.

    404 and 409 raise `Declined`; every other refusal, and an API that does not answer, raises `Refused`.
    """

    session: ClientSession
    token: str
    refusals: Refusals = field(default_factory=Refusals)

    async def get(self, path: str, **query: str | int) -> Any:
        """Return the content at a path: parsed JSON, or text."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, content: object = None, *, lease: str | None = None) -> Any:
        """Post the content and return the API's answer, or None if it is empty. `lease` guards a write."""
        return await self._ask("POST", path, json=content, headers=self._headers(lease))

    async def put(self, path: str, content: object) -> Any:
        """Put the content and return the API's answer."""
        return await self._ask("PUT", path, json=content)

    async def stream(self, path: str) -> AsyncIterator[tuple[str, Any]]:
        """Yield the events of a stream, each as its kind and data, until it ends."""
        patience = ClientTimeout(total=None, sock_read=_SILENT_S)
        kind = ""
        try:
            async with self.session.get(path, headers=self._headers(), timeout=patience) as answer:
                if answer.status not in ACCEPTED:
                    await _content(answer)
                async for line in answer.content:
                    field_, _, value = line.decode().rstrip("\r\n").partition(": ")
                    if field_ == "event":
                        kind = value
                    elif field_ == "data":
                        yield kind, json.loads(value)
        except (ClientError, TimeoutError) as exc:
            raise self._noted(Refused(f"GET {path}: {type(exc).__name__}")) from exc
        except Refused as refusal:
            raise self._noted(refusal) from None

    async def _ask(self, method: str, path: str, **given: Any) -> Any:
        given.setdefault("headers", self._headers())
        try:
            async with self.session.request(method, path, **given) as answer:
                return await _content(answer)
        except (ClientError, TimeoutError) as exc:
            raise self._noted(Refused(f"{method} {path}: {type(exc).__name__}")) from exc
        except Refused as refusal:
            raise self._noted(refusal) from None

    def _noted(self, refusal: Refused) -> Refused:
        self.refusals.note(refusal)
        return refusal

    def _headers(self, lease: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        return headers | {"If-Match": f'"{lease}"'} if lease else headers


async def _content(answer: ClientResponse) -> Any:
    is_json = answer.content_type.endswith("json")
    content = await answer.json(content_type=None) if is_json else await answer.text()
    _check(answer, content)
    return content or None


def _check(answer: ClientResponse, content: object) -> None:
    if answer.status in ACCEPTED:
        return
    said = content.get("detail", content) if isinstance(content, dict) else content
    refusal = Declined if answer.status in DECLINED else Refused
    raise refusal(f"{answer.method} {answer.url.path}: {answer.status} {said}".rstrip())
