"""What requests of the matrix are about: tickets, customers and agents full of words for their team alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import count

from channels.formats import parse
from channels.message import Handle, HandleKind
from router.domain.agent import Agent
from router.postgres.database import Database
from tests.making.agents import an_agent
from tests.making.builders import a_conversation, a_customer, a_message, a_ticket

KINDS = frozenset({
    "address", "agent", "customer", "file", "note", "original", "reason", "subject", "text", "thread", "why",
})  # fmt: skip
"""What is planted for each team: words such as `frontline-subject`."""
NOBODYS = {
    "team": "nowhere",
    "queue": "nowhere",
    "closing": "nowhere",
    "inherited": "nowhere",
    "agent": "nobody-{}",
    "handle": "nobody@example.com",
}
"""What does not exist, by name; everything else has a number that nobody has."""
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team with its main queue, and one person who works for it."""

    name: str
    queue: str
    person: Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody who writes, from one address."""

    id: int
    handle: Handle


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A ticket with its customer, a conversation, and a mail that is kept as it came."""

    ticket_id: int
    customer: Customer
    conversation_id: int
    message_id: int


class Props:
    """Makes what one request names: a method for each name.

    What is the asker's own belongs to `home`; a subject to `theirs`, and where that is None it does not exist.
    """

    own = frozenset({"home", "home_queue", "mine", "colleague", "both", "newcomer", "shared_customer", "message_v1"})

    def __init__(
        self, database: Database, *, shared: Customer, teams: Sequence[Team], home: Team, theirs: Team | None
    ) -> None:
        self._database = database
        self._shared = shared
        self._teams = teams
        self._home = home
        self._theirs = theirs
        self._case: Case | None = None

    async def make(self, names: Sequence[str]) -> dict[str, str]:
        """Return what to write for each name; customers and messages are those of the ticket that is named before."""
        return {name: await self._make(name) for name in names}

    async def _make(self, name: str) -> str:
        if name in self.own:
            return str(await getattr(self, name)())
        if self._theirs is None:
            return NOBODYS.get(name, "8{:09}").format(next(_numbers))
        return str(await getattr(self, name)(self._theirs))

    async def home(self) -> str:
        return self._home.name

    async def home_queue(self) -> str:
        return self._home.queue

    async def mine(self) -> int:
        # its words are nobody's: it may move to the other team, which then may read them
        mine = await a_case(self._database, self._home, "assigned", customer=self._shared, words="plain")
        return mine.ticket_id

    async def colleague(self) -> str:
        return await self._agent("colleague", self._home)

    async def both(self) -> str:
        return await self._agent("both", *self._teams)

    async def newcomer(self) -> str:
        return f"newcomer-{next(_numbers)}"

    async def shared_customer(self) -> int:
        return self._shared.id

    async def message_v1(self) -> str:
        message = {"id": f"m{next(_numbers)}", "channel": "social", "provider": "birdsite", "account": "acme"}
        said = {"from": {"kind": "user", "value": "77"}, "sent_at": "2026-03-01T09:30:00Z", "text": "hi"}
        return json.dumps({**message, **said})

    async def team(self, team: Team) -> str:
        return team.name

    async def queue(self, team: Team) -> str:
        return team.queue

    async def inherited(self, team: Team) -> str:
        return f"{team.queue}-inherited"

    async def closing(self, team: Team) -> str:
        await a_case(self._database, team, queue=f"{team.queue}-closing")
        return f"{team.queue}-closing"

    async def agent(self, team: Team) -> str:
        return await self._agent(f"{team.name}-agent", team)

    async def received(self, _: Team) -> str:
        external_id = f"m{next(_numbers)}"
        await self._database.execute("test", _RECEIVE, external_id)
        return external_id

    async def set_aside(self, _: Team) -> int:
        """A held message: it belongs to no team."""
        mail = _mail("plain").replace(
            b"MIME-Version", f"Message-ID: <held{next(_numbers)}@example.com>\nMIME-Version".encode()
        )
        [arrival] = parse("email.rfc822", mail, "help@acme.example").messages
        id_ = 7_000_000 + next(_numbers)
        await self._database.execute("test", _HOLD, id_, arrival.account, arrival.external_id, mail)
        return id_

    async def ticket(self, team: Team, state: str = "queued") -> int:
        self._case = await a_case(self._database, team, state)
        return self._case.ticket_id

    async def held(self, team: Team) -> int:
        return await self.ticket(team, "assigned")

    async def wrapped_up(self, team: Team) -> int:
        return await self.ticket(team, "wrap_up")

    async def offered(self, team: Team) -> int:
        ticket_id = await self.ticket(team, "offered")
        await self._database.execute("test", _LAST, ticket_id)
        return ticket_id

    async def moved(self, team: Team) -> int:
        ticket_id = await self.ticket(team)
        was = {"queue": team.queue, "team": team.name, "skills": []}
        await _happen(self._database, ticket_id, {"was": was})
        return ticket_id

    async def stuck(self, team: Team) -> int:
        """It is reserved for somebody who is in another team now."""
        ticket_id = await self.ticket(team)
        [other] = [other for other in self._teams if other.name != team.name]
        await self._database.execute("test", _RESERVE, ticket_id, other.person.id)
        return ticket_id

    async def shared_ticket(self, team: Team) -> int:
        return (await a_case(self._database, team, customer=self._shared)).ticket_id

    async def customer(self, team: Team) -> int:
        return (await self._named_case(team)).customer.id

    async def handle(self, team: Team) -> str:
        return (await self._named_case(team)).customer.handle.value

    async def conversation(self, team: Team) -> int:
        return (await self._named_case(team)).conversation_id

    async def message(self, team: Team) -> int:
        return (await self._named_case(team)).message_id

    async def _named_case(self, team: Team) -> Case:
        self._case = self._case or await a_case(self._database, team)
        return self._case

    async def _agent(self, name: str, *teams: Team) -> str:
        agent = await an_agent(self._database, f"{name}-{next(_numbers)}", teams=[team.name for team in teams])
        return agent.name


async def a_case(
    database: Database,
    team: Team,
    state: str = "queued",
    *,
    queue: str | None = None,
    customer: Customer | None = None,
    words: str | None = None,
) -> Case:
    """A ticket with all that people write, in the team's words; whoever holds it is the team's person."""
    words = words or team.name
    customer = customer or await _a_customer(database, words)
    lease = await a_ticket(
        database,
        customer_id=customer.id,
        team=team.name,
        queue=queue or team.queue,
        state=state,
        held_by=None if state == "queued" else team.person,
        subject=f"{words}-subject",
    )
    conversation_id = await a_conversation(database, lease, reply_to=customer.handle, subject=f"{words}-thread")
    message_id = await a_message(database, conversation_id, f"{words}-text")
    await a_message(database, conversation_id, f"{words}-note", direction="note")
    await database.execute("test", _KEEP, message_id, _mail(words))
    await _happen(database, lease.ticket_id, {"why": f"{words}-why"})
    return Case(ticket_id=lease.ticket_id, customer=customer, conversation_id=conversation_id, message_id=message_id)


async def _happen(database: Database, ticket_id: int, data: dict[str, object]) -> None:
    await database.execute("test", _HAPPEN, ticket_id, json.dumps(data))


async def _a_customer(database: Database, words: str) -> Customer:
    handle = Handle(kind=HandleKind.EMAIL, value=f"{words}-address-{next(_numbers)}@example.com", verified=True)
    return Customer(id=await a_customer(database, handle, name=f"{words}-customer"), handle=handle)


def _mail(words: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ada@example.com", "help@acme.example", f"{words}-original"
    mail.set_content("Here it is.")
    mail.add_attachment(f"{words}-file", filename="file.txt")
    return mail.as_bytes()


_KEEP = """
insert into payload (id, received_at, message_ids, format, body)
select id, received_at, array[id], 'email.rfc822', $2 from message where id = $1
"""
_HAPPEN = """
insert into ticket_event (ticket_id, at, kind, state, actor, data) values ($1, now(), 'queue', 'queued', 'intake', $2)
"""
_RESERVE = """
update ticket set reserved_for = $2, reserved_until = now() + interval '1 hour' where id = $1
"""
_LAST = """
update ticket set state_until = now() + interval '1 hour' where id = $1
"""
_RECEIVE = """
insert into received (channel, account, external_id, fingerprint, received_at, outcome)
values ('email', 'acme', $1, '', now(), 'ticket')
"""
_HOLD = """
with held as (
  insert into message (
    id, received_at, direction, channel, account, external_id, author, text, automatic, sent_at)
  values ($1, now(), 'in', 'email', $2, $3, 'email:ada@example.com', 'Here it is.', 'mailing_list', now())
), came as (
  insert into payload (id, received_at, message_ids, format, body) values ($1, now(), array[$1], 'email.rfc822', $4)
)
insert into received (channel, account, external_id, fingerprint, received_at, outcome, message_id)
values ('email', $2, $3, '', now(), 'set_aside', $1)
"""
