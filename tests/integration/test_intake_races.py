"""Several intake processes and agents at the same time on one PostgreSQL: nothing escapes, nothing is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from channels.message import Channel, InboundMessage
from router.domain.agent import Lease
from router.domain.customer import Contact, ContactOutcome
from router.domain.errors import Raced, StoreUnavailable
from router.domain.ticket import TicketId
from router.flow.assign.hold import Hold
from router.flow.intake.receive import Wanted
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.database import Database, connected
from router.postgres.intake.receive import PostgresIntake, PostgresIntakeTransaction
from router.postgres.work.desk import PostgresDesk
from tests.making.agents import an_agent
from tests.making.intake import MAILROOM, SECRET, a_receiver
from tests.making.messages import a_message, a_phone, a_user, an_email

WORKERS = 4
BURSTS = 60
CHANNELS = (Channel.SMS, Channel.SOCIAL)

Batch = Sequence[InboundMessage]

POLICY = parse_policy("""
teams: {frontline: {takes: any}}
queues: {general: {team: frontline, reopen: always}}
routes: [{name: rest, queue: general, target: 4h}]
triage: {bias: -1, languages: [en]}
threading: {join_channels_within: 4h}
""")

CLAIM = """
    update ticket
    set state = 'assigned', assigned_to = $1, lease_epoch = lease_epoch + 1, assigned_at = now()
    where id = (select id from ticket where state = 'queued' order by random() limit 1 for update skip locked)
    returning id, lease_epoch"""


@pytest.fixture
async def databases(database_url: str) -> AsyncIterator[list[Database]]:
    """A pool for each worker, as if each were a process."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                connected(database_url, Metrics(CollectorRegistry()), size=2, name=f"worker {number}")
            )
            for number in range(WORKERS)
        ]


async def take_side_by_side(
    databases: Sequence[Database], shares: Sequence[Sequence[Sequence[InboundMessage]]]
) -> None:
    """Each worker takes its batches one after the other, beside all others."""

    async def work(database: Database, batches: Sequence[Batch]) -> None:
        receiver = a_receiver(PostgresIntake(database), policy=lambda: POLICY)
        for batch in batches:
            await receiver.take([MAILROOM.deliver(message) for message in batch])

    async with asyncio.timeout(120), asyncio.TaskGroup() as workers:
        for database, batches in zip(databases, shares, strict=True):
            workers.create_task(work(database, batches))


async def test_first_messages_in_bursts_on_two_channels_are_one_customer_with_one_ticket(databases: list[Database]):
    chance = random.Random(7)
    writers = [a_phone(f"+4915155{number:05}") for number in range(BURSTS)]
    messages = [
        a_message(writer, channel=channel)
        for writer in writers
        for channel in CHANNELS
        for _ in range(chance.randint(1, 3))
    ]
    shares = [chance.sample(messages[number::WORKERS], len(messages[number::WORKERS])) for number in range(WORKERS)]
    await take_side_by_side(databases, [[share[i : i + 5] for i in range(0, len(share), 5)] for share in shares])

    [counts] = await databases[0].fetch(
        "test",
        "select (select count(*) from customer) as customers, (select count(*) from ticket) as tickets,"
        " (select count(*) from message where ticket_id is not null) as messages,"
        " (select count(*) from unprocessable) as unprocessable,"
        " (select count(*) from conversation where is_open) as conversations",
    )
    assert dict(counts) == {
        "customers": BURSTS,
        "tickets": BURSTS,
        "messages": len(messages),
        "unprocessable": 0,
        "conversations": BURSTS * len(CHANNELS),
    }


class Stumbling(PostgresIntake):
    """Loses a fifth of its transactions just before they would commit."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        super().__init__(database)
        self._chance = chance

    @asynccontextmanager
    async def transaction(self, wanted: Wanted) -> AsyncIterator[PostgresIntakeTransaction]:
        async with super().transaction(wanted) as transaction:
            yield transaction
            if self._chance.random() < 0.2:
                raise StoreUnavailable


async def test_batches_that_overlap_and_stumble_keep_the_order_of_each_customer(databases: list[Database]):
    chance = random.Random(11)
    messages = [a_message(an_email(f"c{chance.randrange(6)}@example.com"), text=f"{number}") for number in range(200)]
    receiver = a_receiver(Stumbling(databases[0], chance), policy=lambda: POLICY)
    lanes = asyncio.Semaphore(2)

    async def take(batch: Batch) -> None:
        await receiver.take([MAILROOM.deliver(message) for message in batch])
        lanes.release()

    async with asyncio.timeout(120), asyncio.TaskGroup() as taking:
        while messages:
            size = chance.randint(1, 9)
            batch, messages = messages[:size], messages[size:]
            await lanes.acquire()
            taking.create_task(take(batch))

    stored = await databases[0].fetch("test", "select author, text::integer as number from message order by id")
    assert len(stored) == 200
    for author in {row["author"] for row in stored}:
        numbers = [row["number"] for row in stored if row["author"] == author]
        assert numbers == sorted(numbers)
    assert await databases[0].fetch("test", "select from unprocessable") == []


async def test_the_same_messages_on_every_worker_are_stored_once(databases: list[Database]):
    chance = random.Random(8)
    messages = [a_message(an_email(f"c{number % 5}@example.com")) for number in range(60)]
    shares = [[chance.sample(messages, len(messages))] for _ in range(WORKERS)]
    await take_side_by_side(databases, shares)
    rows = await databases[0].fetch("test", "select external_id from message")
    assert Counter(row["external_id"] for row in rows) == Counter(message.external_id for message in messages)
    assert await databases[0].fetch("test", "select from unprocessable") == []


async def test_one_mail_thread_of_several_writers_is_one_conversation_whoever_comes_first(databases: list[Database]):
    shares = [
        [[a_message(an_email(f"{name}@example.com"), references=[f"root{n}@mail.example"]) for n in range(20)]]
        for name in ("ada", "bob", "cyd", "dan")
    ]
    await take_side_by_side(databases, shares)
    assert await databases[0].fetch("test", "select from unprocessable") == []
    rows = await databases[0].fetch("test", "select thread_key from conversation where thread_key is not null")
    assert len(rows) == 20


async def test_agents_who_resolve_while_customers_write_lose_no_contact(databases: list[Database]):
    *intakes, desk_database = databases
    chance = random.Random(9)
    agent = await an_agent(desk_database)
    desk = Desk(
        store=PostgresDesk(desk_database),
        policy=lambda: POLICY,
        mail=MailIdentity(secret=SECRET, domain="acme.example"),
        metrics=Metrics(CollectorRegistry()),
    )
    resolved = Counter[int]()
    done = asyncio.Event()

    async def resolve_whatever_waits() -> None:
        while not done.is_set():
            rows = await repeated(lambda: desk_database.fetch("test", CLAIM, agent.id))
            for row in rows:
                hold = Hold(agent=agent, lease=Lease(TicketId(row["id"]), row["lease_epoch"]))
                await repeated(lambda hold=hold: desk.resolve(hold))
                resolved[row["id"]] += 1
            await asyncio.sleep(0)

    def written() -> InboundMessage:
        name = f"hot{chance.randrange(4)}"
        if chance.random() < 0.5:
            return a_message(a_user(name), channel=Channel.CHAT)
        return a_message(an_email(f"{name}@example.com"), key=f"{name}-thread")

    shares = [[[written() for _ in range(4)] for _ in range(25)] for _ in intakes]
    resolving = asyncio.create_task(resolve_whatever_waits())
    await take_side_by_side(intakes, shares)
    done.set()
    await resolving

    assert await desk_database.fetch("test", "select from unprocessable") == []
    assert resolved
    tickets = {row["id"]: row for row in await desk_database.fetch("test", "select * from ticket")}
    reopened = sum(ticket["reopened_count"] for ticket in tickets.values())
    customers = await desk_database.fetch("test", "select * from customer")
    assert sum(customer["reopened_count"] for customer in customers) == reopened
    for customer in customers:
        for contact in map(Contact.decode, customer["contacts"]):
            ended = tickets[contact.ticket_id]["state"] == "resolved"
            assert (contact.outcome is ContactOutcome.RESOLVED) >= ended
        mine = [ticket for ticket in tickets.values() if ticket["customer_id"] == customer["id"]]
        begun = sum(1 + ticket["reopened_count"] for ticket in mine)
        assert len(customer["contacts"]) == min(20, begun)


async def repeated(work):
    """Repeat what a deadlock or a lock timeout ends, as the API's clients would."""
    while True:
        try:
            return await work()
        except (StoreUnavailable, Raced):
            continue


async def test_a_batch_gives_what_its_messages_give_one_by_one(databases: list[Database]):
    def correspondence(round_: str) -> list[InboundMessage]:
        mail, chat = an_email(f"{round_}@example.com"), a_user(round_)
        return [
            a_message(mail, external_id=f"{round_}1@mail.example"),
            a_message(chat, channel=Channel.CHAT, also=(a_phone(f"+49151550000{len(round_)}"),)),
            a_message(mail, in_reply_to=f"{round_}1@mail.example"),
            a_message(a_phone(f"+49151550000{len(round_)}"), channel=Channel.SMS),
            a_message(an_email(f"other-{round_}@example.com"), references=[f"{round_}1@mail.example"]),
            a_message(chat, channel=Channel.CHAT, also=(an_email(f"{round_}@example.com", verified=True),)),
            a_message(mail),
        ]

    receiver = a_receiver(PostgresIntake(databases[0]))
    one_by_one, at_once = correspondence("one"), correspondence("batch")
    for message in one_by_one:
        await receiver.take([MAILROOM.deliver(message)])
    await receiver.take([MAILROOM.deliver(message) for message in at_once])
    assert await shape(databases[0], one_by_one) == await shape(databases[0], at_once)


async def shape(database: Database, messages: Sequence[InboundMessage]) -> list[tuple[object, ...]]:
    """Outcome, ticket, conversation and customer of each message, the last three by order of first appearance."""
    rows = await database.fetch(
        "test",
        "select external_id, outcome, message.ticket_id, conversation_id, customer_id from received"
        " join message using (external_id) order by message.id",
    )
    ours = {message.external_id for message in messages}
    seen: list[dict[int, int]] = [{}, {}, {}]

    def renamed(row) -> tuple[object, ...]:
        ids = zip(seen, row[2:], strict=True)
        return row["outcome"], *(names.setdefault(id_, len(names)) for names, id_ in ids)

    return [renamed(tuple_row) for tuple_row in rows if tuple_row["external_id"] in ours]
