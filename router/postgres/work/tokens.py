"""Bearer tokens: shown once, stored as SHA-256, looked up by that hash."""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import asyncpg

from router.domain.actor import OPERATOR
from router.domain.agent import PERSONS, Person, Principal, Role, Token
from router.domain.errors import Conflict, Invalid, NotFound
from router.domain.profile import check_line
from router.postgres import audit
from router.postgres.agent_rows import agent_of
from router.postgres.database import Database
from router.postgres.statements import load
from router.postgres.together import Together
from router.postgres.work import agents

SQL = load("work/tokens")
SECRET = re.compile(r"fd_[A-Za-z0-9_-]{43}", re.ASCII)
REMEMBERED_S = 2.0
LOOKED_UP_TOGETHER = 100
"""The most tokens in one statement."""


class Tokens:
    """The deployment's tokens; each process remembers for two seconds who a valid token belongs to."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._remembered: dict[bytes, tuple[float, Principal]] = {}
        self._principals = Together(self._look_up, at_most=LOOKED_UP_TOGETHER)

    async def create(
        self,
        name: str,
        role: Role,
        *,
        agent_name: str | None = None,
        teams: Collection[str] = (),
        skills: Collection[str] = (),
        expires_in: timedelta | None = None,
    ) -> str:
        """Make a token and return its secret, which is not stored.

        A token for a person (`agent`, `lead`) names the agent; an unknown agent is created with these teams and skills.
        Raises `Invalid` for a name that is not one line, a person without a name or an integration with one. Raises
        `Conflict` if the token's name is taken, or teams or skills are given for a known agent.
        """
        check_line(name)
        _check_person(role, agent_name, has_profile=bool(teams or skills))
        secret = f"fd_{secrets.token_urlsafe(32)}"
        async with self._database.transaction("tokens") as connection:
            agent_id = None
            if agent_name:
                agent_id = await agents.known_or_made(connection, agent_name, teams=teams, skills=skills)
            kept = await connection.fetchval(SQL["insert_token"], name, role, agent_id, _hash(secret), expires_in)
            if kept is None:
                raise Conflict(f"There is already a token named {name}: choose another name.")
            made = {"role": role, "agent": agent_name}
            await audit.note(connection, by=OPERATOR, action="token.create", subject=f"token:{name}", data=made)
        return secret

    async def list(self) -> list[Token]:
        """Return every token ever made, by name."""
        rows = await self._database.fetch("tokens", SQL["all_tokens"])
        return [Token(**{**row, "role": Role(row["role"])}) for row in rows]

    async def revoke(self, name: str) -> None:
        """Revoke a token: after two seconds no process accepts it. Raises `NotFound`."""
        async with self._database.transaction("tokens") as connection:
            if await connection.fetchval(SQL["revoke_token"], name) is None:
                raise NotFound(f"There is no token named {name}.")
            await audit.note(connection, by=OPERATOR, action="token.revoke", subject=f"token:{name}")
        self._remembered.clear()

    async def principal_of(self, secret: str) -> Principal | None:
        """Return who this secret belongs to; None if it is unknown, expired or revoked.

        The lookup compares SHA-256 hashes, so its duration reveals nothing about the secret.
        """
        if not SECRET.fullmatch(secret):
            return None
        digest = _hash(secret)
        until, principal = self._remembered.get(digest, (0.0, None))
        return principal if self._clock() < until else await self._recall(digest)

    async def _recall(self, digest: bytes) -> Principal | None:
        asked_at = self._clock()
        self._remembered.pop(digest, None)
        principal = await self._principals.ask(digest)
        if principal:
            self._remembered[digest] = (asked_at + REMEMBERED_S, principal)
        return principal

    async def _look_up(self, digests: Sequence[bytes]) -> Sequence[Principal | None]:
        rows = await self._database.fetch("tokens", SQL["principals"], digests)
        found = {row["hash"]: _principal(row) for row in rows}
        return [found.get(digest) for digest in digests]


def _principal(row: asyncpg.Record) -> Principal:
    token_id, role = row["token_id"], Role(row["role"])
    if row["id"] is None:
        return Principal(token_id=token_id, role=role)
    return Person(token_id=token_id, role=role, agent=agent_of(row))


def _check_person(role: Role, agent_name: str | None, *, has_profile: bool) -> None:
    if role in PERSONS and not agent_name:
        raise Invalid("agent", f"a token of role {role} belongs to a person: name the agent")
    if role not in PERSONS and agent_name:
        raise Invalid("agent", f"a token of role {role} belongs to no person: leave the agent out")
    if has_profile and not agent_name:
        raise Invalid("team, skill", f"a token of role {role} belongs to no person: leave teams and skills out")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
