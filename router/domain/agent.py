"""Agents, the roles of tokens, and the lease that makes an agent's writes safe."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from router.domain.customer import AgentId
from router.domain.errors import Invalid
from router.domain.ticket import TicketId
from router.domain.wait import Requirement

TokenId = NewType("TokenId", int)


class Role(StrEnum):
    """What a token is for."""

    INTEGRATION = "integration"
    AGENT = "agent"
    LEAD = "lead"
    ADMIN = "admin"


PERSONS = frozenset({Role.AGENT, Role.LEAD})
"""The roles of people: their tokens name an agent. Integrations and admins are not people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A person who answers, for some teams, with some skills."""

    id: AgentId
    name: str
    teams: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()

    def may_take(self, requirement: Requirement) -> bool:
        """Whether the agent may get tickets that require this: the team is theirs, and they have every skill."""
        return requirement.team in self.teams and self.skills.issuperset(requirement.skills)


class Status(StrEnum):
    """What agents declare about themselves. Only available agents with a live lease get tickets."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    WRAP_UP = "wrap_up"
    OFFLINE = "offline"


class Cause(StrEnum):
    """Why an agent has a status that they did not declare."""

    LOST = "lost"
    """No sign of life for the grace time: offline until they declare a status or ask for the next ticket."""
    MISSED_OFFERS = "missed_offers"
    """Too many offers in a row expired: away until they declare another status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """An agent's declared status, and the lease that requests renew; the policy lists the reasons for each status."""

    status: Status
    reason: str | None
    since: datetime
    seen_at: datetime
    cause: Cause | None = None

    def is_live(self, now: datetime, grace: timedelta) -> bool:
        """Whether the agent gave a sign of life within the grace time."""
        return now <= self.seen_at + grace


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking: the token and its role."""

    token_id: TokenId
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Principal):
    """A person who is asking, as an agent or a lead. Only tokens with a role in `PERSONS` belong to one."""

    agent: Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What others may know about a token: everything but its secret. `agent` is the name of the person behind it."""

    name: str
    role: Role
    agent: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


_LEASE = re.compile(r"([1-9][0-9]{0,18})\.([1-9][0-9]{0,9})", re.ASCII)
_LARGEST_ID = 2**63 - 1
_LARGEST_EPOCH = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Lease:
    """One assignment of a ticket: each raises `epoch`, so that a write under an older lease can be refused."""

    ticket_id: TicketId
    epoch: int

    def __str__(self) -> str:
        """Return the lease as it goes over the wire: `<ticket>.<epoch>`."""
        return f"{self.ticket_id}.{self.epoch}"

    @classmethod
    def parse(cls, text: str) -> "Lease":
        """Read a lease from the wire; raises `Invalid` for anything that `next` cannot have handed out."""
        if matched := _LEASE.fullmatch(text):
            ticket_id, epoch = map(int, matched.groups())
            if ticket_id <= _LARGEST_ID and epoch <= _LARGEST_EPOCH:
                return cls(TicketId(ticket_id), epoch)
        raise Invalid("lease", "is not of the form <ticket>.<epoch>")
