"""What a customer writes while an agent holds the ticket: it goes on, in the same hands."""

from prometheus_client import CollectorRegistry

from channels.message import Channel
from router.domain.ticket import TicketState
from router.flow.intake.changes import Outcome
from router.flow.intake.receive import Wanted
from router.flow.intake.take_in import take_in
from router.flow.intake.world import World
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.database import connected
from router.postgres.intake.receive import PostgresIntake
from tests.making.agents import an_agent
from tests.making.builders import a_conversation, a_customer, a_ticket
from tests.making.messages import Mailroom, a_message, a_phone

POLICY = parse_policy("""
teams: {frontline: {takes: any}}
queues: {general: {team: frontline}}
routes: [{name: rest, queue: general, target: 4h}]
triage: {bias: -1}
threading: {join_channels_within: 9999d}
""")


async def test_message_on_another_channel_joins_the_ticket_that_an_agent_holds(database_url: str):
    phone = a_phone()
    async with connected(database_url, Metrics(CollectorRegistry()), size=2, name="test") as database:
        grace = await an_agent(database)
        held = await a_ticket(database, customer_id=await a_customer(database, phone), channel="sms", held_by=grace)
        await a_conversation(database, held)
        message = a_message(phone, channel=Channel.SOCIAL)
        wanted = Wanted(
            messages=1,
            keys=frozenset({(message.key, message.fingerprint)}),
            handles=frozenset({phone.key}),
            tokened=frozenset(),
            threads=frozenset(),
            references=frozenset(),
            ticket_numbers=frozenset(),
        )
        async with PostgresIntake(database).transaction(wanted) as transaction:
            world = World(transaction.found, transaction.ids)
            outcome = take_in(*Mailroom().arrival(message), world, POLICY)
            await transaction.record(world.changes, ())
        [ticket] = await database.fetch("test", "select id, state, assigned_to, lease_epoch from ticket")
    assert outcome is Outcome.JOINED
    assert tuple(ticket) == (held.ticket_id, TicketState.ASSIGNED, grace.id, held.epoch)
