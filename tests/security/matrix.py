"""The matrix at play: everybody with their token asks one request about every subject, on a real API and database."""

import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any

import asyncpg

from router.api.stream import MEDIA_TYPE
from router.domain.actor import Viewer
from router.domain.agent import Role, Status
from router.domain.customer import Contact
from router.postgres.eyes import eyes
from router.postgres.work.tokens import Tokens
from tests.clients.api import Api, running_api
from tests.clients.described import undescribed
from tests.making.agents import an_agent, declare
from tests.making.builders import ADA, a_customer, a_ticket, a_token
from tests.making.moments import NOON
from tests.security.props import Customer, Props, Team, a_case
from tests.security.rules import OTHER, OWN, STRANGER, Rule

POLICY = """
assignment: {capacity: {limit: 1000}}
teams:
  frontline: {takes: any}
  specialists: {takes: any}
queues:
  general: {team: frontline, cherry_pick: true, abandon: true}
  general-closing: {team: frontline}
  general-inherited: {team: frontline, cherry_pick: true}
  expert: {team: specialists, cherry_pick: true, abandon: true}
  expert-closing: {team: specialists}
  expert-inherited: {team: specialists, cherry_pick: true}
routes:
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""
# long enough to be found in an answer, and to be nothing else there
_NUMBERS = """
alter sequence customer_ids restart with 3000000001;
alter sequence conversation_ids restart with 4000000001;
alter sequence message_ids restart with 5000000001;
alter sequence ticket_ids restart with 7000000001
"""
_READABLE = """
select relname as name, relrowsecurity or coalesce('security_invoker=true' = any (reloptions), false) as is_secured
from pg_class
where has_table_privilege('frontdesk_agent', oid, 'select')
  and relnamespace = 'public'::regnamespace
order by relname
"""
_STATE = """
select md5(string_agg(line, chr(10) order by line)) as digest
from (
  select agent::text from agent union all select agent_team::text from agent_team
  union all select audit::text from audit union all select token::text from token
  union all select customer::text from customer union all select conversation::text from conversation
  union all select ticket::text from ticket union all select ticket_event::text from ticket_event
  union all select message::text from message union all select outbox::text from outbox
) as kept (line)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody who asks, under `column` of the rules; a person works in `team`, where `team.person` is themselves."""

    name: str
    column: str
    secret: str | None = None
    team: Team | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, with the names of the request in place of what was written for them, and the planted words in it.

    `strange` are those words that are none of the asker's business, `undescribed` what the
    OpenAPI document does not say of the answer.
    """

    status: int
    text: str
    words: Collection[str]
    strange: Collection[str]
    undescribed: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One square of the matrix: who asks about whose subject, and what was written for each name."""

    rule: Rule
    asker: Asker
    subject: str
    values: Mapping[str, str]

    @property
    def expected(self) -> int:
        return self.rule.status(self.asker.column, self.subject)

    def named(self, text: str) -> str:
        """The text with the names of the request in place of what was written for them."""
        for name, value in sorted(self.values.items(), key=lambda item: -len(item[1])):
            text = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", f"${name}", text)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The answers by (asker, subject), and whether anything changed that was refused."""

    answers: Mapping[tuple[str, str], Answer]
    is_unharmed: bool

    @property
    def statuses(self) -> dict[tuple[str, str], int]:
        return {square: answer.status for square, answer in self.answers.items()}

    @property
    def leaks(self) -> dict[tuple[str, str], Collection[str]]:
        return {square: answer.strange for square, answer in self.answers.items() if answer.strange}

    @property
    def undescribed(self) -> dict[tuple[str, str], Sequence[str]]:
        return {square: answer.undescribed for square, answer in self.answers.items() if answer.undescribed}

    def texts(self, subject: str, askers: Iterable[Asker]) -> dict[str, str]:
        return {asker.name: self.answers[asker.name, subject].text for asker in askers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Two teams full of words, a customer and an agent who belong to both, and everybody who may ask."""

    api: Api
    teams: Sequence[Team]
    shared: Customer
    askers: Sequence[Asker]
    described: Mapping[str, Any]

    @property
    def persons(self) -> list[Asker]:
        return [asker for asker in self.askers if asker.team]

    @property
    def admin(self) -> Asker:
        return next(asker for asker in self.askers if asker.column == Role.ADMIN)

    async def play(self, rule: Rule, askers: Sequence[Asker]) -> Played:
        """Make every subject, ask what is to be refused first, and then the rest."""
        requests = await self._requests(rule, askers)
        before = await self._state(rule)
        answers = {self._square(one): await self.ask(one) for one in requests if one.expected >= 400}
        is_unharmed = await self._state(rule) == before
        answers |= {self._square(one): await self.ask(one) for one in requests if one.expected < 400}
        return Played(answers=answers, is_unharmed=is_unharmed)

    async def ask(self, request: Request) -> Answer:
        target = request.rule.target.substitute(request.values)
        body = request.rule.body.substitute(request.values)
        headers = {"Authorization": f"Bearer {request.asker.secret}"} if request.asker.secret else {}
        if ticket := re.match(r"/v1/tickets/(\d+)/", target):
            headers["If-Match"] = f'"{ticket[1]}.1"'
        if body:
            headers["Content-Type"] = "application/json"
        client = self.api.client
        async with client.request(request.rule.method, target, data=body or None, headers=headers) as answer:
            content = await _content(answer)
            told = [answer.headers.get(header, "") for header in ("Content-Type", "Content-Disposition", "ETag")]
        text = request.named("\n".join([*told, content]))
        words = {word for team in self.teams for word in _words(team, text)}
        return Answer(
            status=answer.status,
            text=text,
            words=words,
            strange=self.strange_words(request.asker, text),
            undescribed=undescribed(self._operation(request.rule), answer.status, answer.headers),
        )

    async def readable_tables(self) -> dict[str, bool]:
        """Everything that persons may read, and whether row-level security is on."""
        rows = await self.api.database.fetch("test", _READABLE)
        return {row["name"]: row["is_secured"] for row in rows}

    async def rows_for(self, person: Asker, table: str) -> list[str]:
        """The rows of a table as the database alone shows them to somebody, whatever the statement."""
        assert person.team, "nobody else reads under row-level security"
        viewer = Viewer(agent_id=person.team.person.id)
        async with eyes(self.api.database, viewer) as connection:
            return [_readable(row) for row in await connection.fetch(f"select * from {table}")]

    async def _requests(self, rule: Rule, askers: Sequence[Asker]) -> list[Request]:
        """Whoever may change a subject gets one that nobody else has asked about; all others share theirs."""
        made: dict[tuple[str, str | None], Mapping[str, str]] = {}
        requests = []
        for asker, subject in product(askers, rule.subjects):
            home, theirs = self._sides(asker, subject)
            place = (home.name, theirs and theirs.name)
            if rule.may_change(asker.column) or place not in made:
                props = Props(self.api.database, shared=self.shared, teams=self.teams, home=home, theirs=theirs)
                made[place] = await props.make(rule.names)
            requests.append(Request(rule=rule, asker=asker, subject=subject, values=made[place]))
        return requests

    def _sides(self, asker: Asker, subject: str) -> tuple[Team, Team | None]:
        """The asker's team and the subject's; who works in no team is at home wherever the subject is."""
        home = asker.team or self.teams[0]
        [other] = [team for team in self.teams if team.name != home.name]
        theirs = {OWN: home, OTHER: other}.get(subject)
        return (home if asker.team else theirs or home), theirs

    async def _state(self, rule: Rule) -> str:
        """A digest of all that a write can change, but for presence, which every request of a person renews."""
        if rule.is_read:
            return ""
        [row] = await self.api.database.fetch("test", _STATE)
        digest: str = row["digest"]
        return digest

    def strange_words(self, asker: Asker, text: str) -> set[str]:
        """The words that are planted for teams which are none of the asker's."""
        if asker.column == Role.ADMIN:
            return set()
        own = asker.team and asker.team.name
        return {word for team in self.teams if team.name != own for word in _words(team, text)}

    def _operation(self, rule: Rule) -> Mapping[str, Any]:
        """What the OpenAPI document says of the rule's endpoint."""
        [path] = [path for path in self.described["paths"] if rule.covers(rule.method, path)]
        operation: Mapping[str, Any] = self.described["paths"][path][rule.method.lower()]
        return operation

    def _square(self, request: Request) -> tuple[str, str]:
        return request.asker.name, request.subject


@asynccontextmanager
async def a_matrix(database_url: str) -> AsyncIterator[Matrix]:
    """A running API with everything planted."""
    async with running_api(database_url, policy_text=POLICY) as api:
        for statement in _NUMBERS.split(";"):
            await api.database.execute("test", statement)
        teams = [await _a_team(api, "frontline", "general"), await _a_team(api, "specialists", "expert")]
        shared = Customer(id=await a_customer(api.database, ADA), handle=ADA)
        await _plant(api, teams, shared)
        described = (await api.nobody().get("/openapi.json")).json
        yield Matrix(api=api, teams=teams, shared=shared, askers=await _askers(api, teams), described=described)


async def _a_team(api: Api, name: str, queue: str) -> Team:
    return Team(name=name, queue=queue, person=await an_agent(api.database, f"{name}-agent", teams=[name]))


async def _plant(api: Api, teams: Sequence[Team], shared: Customer) -> None:
    """What is there all the time, for requests that name no subject."""
    both = await an_agent(api.database, "both", teams=[team.name for team in teams])
    contacts = []
    for team, other in (teams, reversed(teams)):
        for state in ("queued", "queued", "queued", "assigned", "wrap_up"):
            await a_case(api.database, team, state)
        # the policy has given the queue to the other team since
        await a_case(api.database, team, queue=f"{other.queue}-inherited")
        case = await a_case(api.database, team, customer=shared)
        contacts.append(Contact(at=NOON, channel="email", queue=team.queue, ticket_id=case.ticket_id).encode())
        place = {"queue": team.queue, "team": team.name, "channel": f"{team.name}-channel"}
        await a_ticket(api.database, held_by=both, **place)
        absent = await an_agent(api.database, f"{team.name}-agent-away", teams=[team.name])
        await declare(api.database, absent.id, Status.AWAY, f"{team.name}-reason")
    await api.database.execute("test", "update customer set contacts = $1 where id = $2", contacts, shared.id)


async def _askers(api: Api, teams: Sequence[Team]) -> list[Asker]:
    frontline, specialists = teams
    lead = replace(frontline, person=await an_agent(api.database, "frontline-lead", teams=[frontline.name]))
    tokens = Tokens(api.database)
    agent: dict[str, Any] = {"role": Role.AGENT, "agent_name": frontline.person.name}
    revoked = await tokens.create("revoked", **agent)
    await tokens.revoke("revoked")
    expired = await tokens.create("expired", **agent, expires_in=timedelta(0))

    async def person(role: Role, team: Team) -> Asker:
        secret = await a_token(api.database, role, agent=team.person)
        return Asker(name=f"{role} of {team.name}", column=role, secret=secret, team=team)

    return [
        Asker(name="no token", column=STRANGER),
        Asker(name="revoked token", column=STRANGER, secret=revoked),
        Asker(name="expired token", column=STRANGER, secret=expired),
        Asker(name="integration", column=Role.INTEGRATION, secret=await a_token(api.database, Role.INTEGRATION)),
        await person(Role.AGENT, frontline),
        await person(Role.AGENT, specialists),
        await person(Role.LEAD, lead),
        Asker(name="admin", column=Role.ADMIN, secret=await a_token(api.database, Role.ADMIN)),
    ]


def _words(team: Team, text: str) -> list[str]:
    return re.findall(rf"{team.name}[\w-]*", text)


def _readable(row: asyncpg.Record) -> str:
    return " ".join(value.decode() if isinstance(value, bytes) else str(value) for value in row.values())


async def _content(answer: Any) -> str:
    """The body, of a stream its first event."""
    if answer.content_type != MEDIA_TYPE:
        return (await answer.read()).decode(errors="replace")
    lines = [await answer.content.readline()]
    while not lines[-1].startswith(b"data:"):
        lines.append(await answer.content.readline())
    return b"".join(lines).decode()
