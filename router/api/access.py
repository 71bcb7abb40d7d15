"""Checks who is asking, and whether they may use the endpoint. The SQL statements decide what they may see."""

from collections.abc import Collection
from typing import Protocol

from aiohttp import web

from router.api.errors import Problem
from router.domain.agent import PERSONS, Person, Principal, Role
from router.domain.customer import AgentId
from router.domain.errors import TokenEnded

READERS = PERSONS | {Role.ADMIN}
LEADS = frozenset({Role.LEAD, Role.ADMIN})
INTEGRATIONS = frozenset({Role.INTEGRATION, Role.ADMIN})

_SCHEME = "bearer"


class Principals(Protocol):
    """Knows which tokens are valid now."""

    async def principal_of(self, secret: str) -> Principal | None: ...


class SignsOfLife(Protocol):
    """Records that an agent is there."""

    async def seen(self, agent_id: AgentId) -> None: ...


class Renewing:
    """Looks tokens up, and counts each request of a person as a sign of life."""

    def __init__(self, principals: Principals, signs: SignsOfLife) -> None:
        self._principals = principals
        self._signs = signs

    async def principal_of(self, secret: str) -> Principal | None:
        principal = await self._principals.principal_of(secret)
        if isinstance(principal, Person):
            await self._signs.seen(principal.agent.id)
        return principal


async def admit(
    request: web.Request, principals: Principals, roles: Collection[Role], kind: type[Principal] = Principal
) -> Principal:
    """Return who asks, as a `kind`; answer 401 if the token is missing or invalid, 403 if it has none of the roles."""
    if len(request.headers.getall("Authorization", ())) > 1:
        detail = (
            "Send one `Authorization` header: this request has several, and who asks must not depend on their order."
        )
        raise Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not secret.strip():
        detail = "Send a token as `Authorization: Bearer …`."
        raise Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    principal = await principals.principal_of(secret.strip())
    if principal is None:
        raise TokenEnded
    if principal.role not in roles or not isinstance(principal, kind):
        wanted = ", ".join(sorted(roles))
        raise Problem(403, "Wrong role", f"A token of role {principal.role} cannot do this: it takes one of {wanted}.")
    return principal
