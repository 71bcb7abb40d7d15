"""A client of the HTTP API, like an agent's desktop or a monitoring system."""

from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, ClientSession

from router.domain.errors import FrontdeskError

ACCEPTED = frozenset({200, 201, 204})
DECLINED = frozenset({404, 409})


class Declined(Exception):
    """The ticket has moved on or does not exist: somebody was faster."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API at the base address of `session`, used with one token.

    404 and 409 raise `Declined`, other refusals `FrontdeskError`.
    """

    session: ClientSession
    token: str

    async def get(self, path: str, **query: str | int) -> Any:
        """Return the content at a path: parsed JSON, or text."""
        async with self.session.get(path, params=query, headers=self._headers()) as answer:
            return await _content(answer)

    async def post(self, path: str, content: object = None, *, lease: str | None = None) -> Any:
        """Post the content and return the API's answer, or None if it is empty. `lease` guards a write."""
        async with self.session.post(path, json=content, headers=self._headers(lease)) as answer:
            return await _content(answer)

    def _headers(self, lease: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        return headers | {"If-Match": f'"{lease}"'} if lease else headers


async def _content(answer: ClientResponse) -> Any:
    is_json = answer.content_type.endswith("json")
    content = await answer.json(content_type=None) if is_json else await answer.text()
    if answer.status in DECLINED:
        raise Declined(f"{answer.status} {content}")
    if answer.status not in ACCEPTED:
        raise FrontdeskError(f"{answer.method} {answer.url.path}: {answer.status} {content}")
    return content or None
