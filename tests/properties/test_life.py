"""Whole lives of tickets, on PostgreSQL: whatever happens in whatever order, the product does what a small model says.

FRONTDESK_TEST_LIVES=1000 tries so many longer lives at random, and others each time.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from prometheus_client import CollectorRegistry

from channels.message import Automatic, Channel, InboundMessage
from router.domain.agent import Lease, Status
from router.domain.errors import FrontdeskError
from router.domain.ticket import OPEN_STATES
from router.flow.assign.claims import Assignment
from router.flow.assign.hold import Hold
from router.flow.work.transfer import Destination
from router.metrics import Metrics
from router.policy.model import QueueMode
from router.policy.parse import parse_policy
from router.postgres.database import Database, connected
from tests.making.messages import a_message
from tests.making.product import ADMIN, Product, Seen
from tests.properties.correspondence import handles_of
from tests.properties.life_log import Log
from tests.properties.life_model import Life, Problem
from tests.properties.life_ticket import ASSIGNED, HELD, OFFERED, QUEUED, WRAP_UP, Person, Ticket
from tests.watching.history_table import undocumented

POLICY = parse_policy("""
assignment:
  grace: 90s
  capacity: {limit: 3, weights: {chat: 2}, most: {email: 2}}
  away_after_missed: 2
  offers_at_once: 100
teams:
  frontline: {takes: any, overflow_to: [specialists]}
  specialists: {takes: any}
queues:
  general: {team: frontline, cherry_pick: true, sticky_for: 10m, reopen: 1h}
  live: {team: frontline, mode: push, offer: {for: 20s}, sticky_for: 5m, wrap_up: 60s, abandon: true}
  expert: {team: specialists, wrap_up: 60s, reopen: never}
  texts: {team: specialists, mode: push, offer: {to: least-loaded, for: 20s}}
routes:
  - {name: chat, when: {channel: chat}, queue: live, target: 1m}
  - {name: sms, when: {channel: sms}, queue: texts, target: 10m}
  - name: social
    when: {channel: social}
    queue: live
    skills: [german]
    target: 20m
    relax: [{after: 2m, drop_skills: true}, {after: 10m, queue: expert, target: 1m}]
  - {name: rest, queue: general, target: 4h, relax: [{after: 1h, target: 10m}]}
triage: {bias: -1, languages: [en]}
threading: {window: {chat: 99d, sms: 99d, social: 99d}}
""")
STAFF = (
    ("Ann", ["frontline"], ["german"], 3),
    ("Ben", ["frontline"], [], 2),
    ("Cas", ["frontline", "specialists"], ["german"], 3),
    ("Dee", ["specialists"], [], 2),
)
WRITE = ("see", "reply", "note")
LET_GO = ("resolve", "resolve", "finish", "snooze", "transfer", "abandon")
Move = Callable[[st.DataObject], None]
LIVES = int(os.environ.get("FRONTDESK_TEST_LIVES", "0"))
COMMON = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
EVERY_TIME = settings(COMMON, derandomize=True, max_examples=80, stateful_step_count=50)
AT_LENGTH = settings(COMMON, derandomize=False, max_examples=LIVES or 1, stateful_step_count=80)

people = st.integers(0, len(STAFF) - 1)
places = st.sampled_from(list(POLICY.queues)) | people
whiles = st.sampled_from([timedelta(seconds=10), timedelta(seconds=30), *(timedelta(minutes=m) for m in (2, 10, 70))])


@pytest.mark.slow
@pytest.mark.timeout(0 if LIVES else 900)
def test_tickets_live_as_the_model_says(database_url: str):
    with asyncio.Runner() as runner, a_database(runner, database_url) as database:
        run_state_machine_as_test(lambda: TicketLives(runner, database), settings=AT_LENGTH if LIVES else EVERY_TIME)


@contextmanager
def a_database(runner: asyncio.Runner, url: str) -> Iterator[Database]:
    stack = AsyncExitStack()
    connecting = connected(url, Metrics(CollectorRegistry()), size=4, name="test")
    try:
        yield runner.run(stack.enter_async_context(connecting))
    finally:
        runner.run(stack.aclose())


class TicketLives(RuleBasedStateMachine):
    """What anybody may do at any moment. The model makes each move first, and the product must do the same."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self._run = runner.run
        self._product = Product(database, POLICY)
        self._stack = AsyncExitStack()
        self._run(self._stack.enter_async_context(self._product.running()))
        self._log = Log()
        self._sent: list[InboundMessage] = []
        self._mails: list[InboundMessage] = []
        self._life = Life(POLICY, self._run(self._product.see()).now)
        for name, teams, skills, limit in STAFF:
            who = self._run(self._product.hire(name, teams=teams, skills=skills, limit=limit))
            self._life.people[who.id] = Person(who=who, limit=limit, seen_at=self._life.now)
        self._people = list(self._life.people.values())

    def teardown(self) -> None:
        self._run(self._stack.aclose())

    @initialize(data=st.data())
    def customers_have_written(self, data: st.DataObject) -> None:
        self._customers_write(data)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule, so that every life has all that makes one: with several, Hypothesis leaves some of them out."""
        chances = {move: chances for move, chances in self._chances().items() if chances}
        names = [move.__name__ for move, count in chances.items() for _ in range(count)]
        getattr(self, data.draw(st.sampled_from(names), label="move"))(data)

    def _chances(self) -> dict[Move, int]:
        """What is possible now, and how likely it is to happen next; Hypothesis likes the first of all best."""
        life = self._life
        return {
            self._agent_lets_go: 3 if life.of(ASSIGNED, WRAP_UP) else 0,
            self._agent_answers: 3 if life.of(OFFERED) else 0,
            self._tickets_are_offered: 3 if life.waiting(QueueMode.PUSH) else 0,
            self._agents_ask: 3 if life.waiting(QueueMode.PULL) else 1,
            self._agent_chooses: 1 if life.waiting(QueueMode.PULL) else 0,
            self._customers_write: 3,
            self._agent_writes: 1 if life.of(ASSIGNED, WRAP_UP) else 0,
            self._agent_merges: 1 if self._mergeable() else 0,
            self._agent_comes_too_late: 1 if life.over else 0,
            self._agent_is_mistaken: 1 if life.of(*HELD) else 0,
            self._timer_looks: 4 if life.timers() else 0,
            self._time_passes: 2,
            self._agent_declares: 1,
            self._lead_turns_to_an_agent: 1,
            self._lead_reassigns: 1,
            self._lead_undoes: 1 if self._moved() else 0,
            self._lead_closes: 1 if len(life.of(QUEUED)) > 4 else 0,
        }

    # customers

    def _customers_write(self, data: st.DataObject) -> None:
        messages = [self._message(data) for _ in range(data.draw(st.integers(1, 3), label="messages"))]
        tickets = [self._life.hear(message) for message in messages]
        self._run(self._product.receive(messages))
        led_to = self._run(self._product.see_messages())
        for message, ticket in zip(messages, tickets, strict=True):
            ticket.id = ticket.id or led_to[message.external_id]

    def _message(self, data: st.DataObject) -> InboundMessage:
        """A message that is new, sent before, an answer in a thread, or a machine's answer there."""
        kinds = ["new", "new", *(["again"] if self._sent else []), *(["answer", "automatic"] if self._mails else [])]
        kind = data.draw(st.sampled_from(kinds), label="message")
        if kind == "again":
            return _draw(data, self._sent)
        if kind == "new":
            handles = handles_of(_draw(data, ["ada", "bob"]))
            channel = _draw(data, list(Channel))
            message = a_message(handles[channel], channel=channel)
            self._mails += [message] if channel is Channel.EMAIL else []
        else:
            root = _draw(data, self._mails)
            automatic = Automatic.OUT_OF_OFFICE if kind == "automatic" else None
            message = a_message(root.sender, references=[root.external_id], automatic=automatic)
        self._sent.append(message)
        return message

    # agents who are given work

    def _agents_ask(self, data: st.DataObject) -> None:
        asking = [self._arrive(who) for who in data.draw(st.lists(people, min_size=1, unique=True), label="who")]
        expected = [self._life.next(person) for person in asking]
        found = self._run(self._product.ask([person.who for person in asking]))
        assert list(map(_told, found)) == list(map(_told, expected))

    def _agent_chooses(self, data: st.DataObject) -> None:
        person, ticket = self._arrive(data.draw(people)), _draw(data, self._life.tickets)
        self._expect(self._life.take(person, ticket), self._product.picking.take(person.who, ticket.id))

    def _tickets_are_offered(self, _: st.DataObject) -> None:
        self._run(self._product.dispatcher.offer_all())
        offered = self._run(self._product.see_holders(OFFERED))
        assert list(self._life.offer(offered)) == []

    def _agent_answers(self, data: st.DataObject) -> None:
        self._do(data, ("accept", "accept", "decline"), self._life.hold(_draw(data, self._life.of(OFFERED))))

    # agents at the desk

    def _agent_writes(self, data: st.DataObject) -> None:
        self._do(data, WRITE, self._life.hold(_draw(data, self._life.of(ASSIGNED, WRAP_UP))))

    def _agent_lets_go(self, data: st.DataObject) -> None:
        self._do(data, LET_GO, self._life.hold(_draw(data, self._life.of(ASSIGNED, WRAP_UP))))

    def _agent_comes_too_late(self, data: st.DataObject) -> None:
        """The lease has ended, and what it was for may have gone on."""
        self._do(data, ("accept", "decline", *WRITE, *LET_GO), _draw(data, self._life.over))

    def _agent_is_mistaken(self, data: st.DataObject) -> None:
        """The lease is good, but perhaps not for this."""
        self._do(data, ("accept", "decline", *WRITE, *LET_GO), self._life.hold(_draw(data, self._life.of(*HELD))))

    def _do(self, data: st.DataObject, ways: Sequence[str], hold: Hold) -> None:
        """Let an agent do one of these with a ticket that they hold, or believe to hold."""
        self._arrive(self._people.index(self._life.people[hold.agent.id]))
        life, desk, offers = self._life, self._product.desk, self._product.offers
        match how := data.draw(st.sampled_from(ways), label="how"):
            case "accept" | "decline":
                self._expect(getattr(life, how)(hold), getattr(offers, how)(hold))
            case "reply" | "note":
                self._expect(getattr(life, how)(hold), getattr(desk, how)(hold, "Here you are."))
            case "snooze":
                until = data.draw(st.none() | whiles.map(lambda by: life.now + by))
                self._expect(life.snooze(hold, until), desk.snooze(hold, until=self._product.stored(until)))
            case "transfer":
                where = data.draw(places)
                self._expect(life.transfer(hold, **self._whither(where)), desk.transfer(hold, _destination(where)))
            case _:
                self._expect(getattr(life, how)(hold), getattr(desk, how)(hold))

    def _agent_merges(self, data: st.DataObject) -> None:
        ticket, into = _draw(data, self._mergeable())
        hold = self._life.hold(ticket)
        self._arrive(self._people.index(self._life.people[hold.agent.id]))
        self._expect(self._life.merge(hold, into), self._product.desk.merge(hold, into.id))

    def _mergeable(self) -> list[tuple[Ticket, Ticket]]:
        """Tickets that are assigned, each with another one of the same customer."""
        held, tickets = self._life.of(ASSIGNED), self._life.of(*OPEN_STATES)
        return [(a, b) for a in held for b in tickets if a is not b and a.customer == b.customer]

    # presence, and leads

    def _agent_declares(self, data: st.DataObject) -> None:
        person, status = self._arrive(data.draw(people)), _draw(data, [*[Status.AVAILABLE] * 8, *Status])
        self._life.declare(person, status)
        self._run(self._product.presences.declare(person.who, status))

    def _lead_turns_to_an_agent(self, data: st.DataObject) -> None:
        person, lead = self._people[data.draw(people)], self._product.lead
        how = _draw(data, ["is back", "is back", "is back", "drains", "requeue"])
        if how == "requeue":
            self._life.requeue(person)
            self._run(lead.requeue(ADMIN, person.who.name))
        else:
            self._life.drain(person, is_draining=how == "drains")
            self._run(lead.drain(ADMIN, person.who.name, is_draining=how == "drains"))

    def _lead_reassigns(self, data: st.DataObject) -> None:
        ticket, where = _draw(data, self._life.tickets), data.draw(places)
        expected = self._life.reassign(ticket, **self._whither(where))
        self._expect(expected, self._product.lead.reassign(ADMIN, ticket.id, _destination(where)))

    def _lead_undoes(self, data: st.DataObject) -> None:
        ticket = _draw(data, self._moved())
        self._expect(self._life.undo(ticket), self._product.lead.undo(ADMIN, ticket.id))

    def _moved(self) -> list[Ticket]:
        return [ticket for ticket in self._life.tickets if ticket.places]

    def _lead_closes(self, data: st.DataObject) -> None:
        queue = _draw(data, self._life.of(QUEUED)).queue.name
        assert self._life.close(queue) == self._run(self._product.lead.close(ADMIN, queue, why="No longer open."))

    # time

    def _time_passes(self, data: st.DataObject) -> None:
        """Of all agents but those who are gone there is a sign of life at the end of it."""
        by, gone = data.draw(whiles, label="by"), data.draw(st.sets(people, max_size=2), label="gone")
        self._run(self._product.pass_time(by))
        self._life.now += by
        for who in range(len(STAFF)):
            if who not in gone:
                self._arrive(who)

    def _timer_looks(self, data: st.DataObject) -> None:
        timers = self._life.timers()
        timer = data.draw(st.sampled_from(sorted(timers)), label="timer")
        timers[timer]()
        self._run(self._product.timers.chunks()[timer]())

    # what always holds

    @invariant()
    def everything_is_as_the_model_has_it(self) -> None:
        seen = self._run(self._product.see())
        assert list(self._log.enter(seen.events)) == []
        assert undocumented(seen.events) == []
        self._check_tickets(seen)
        self._check_agents(seen)
        assert sorted(seen.messages) == sorted((key, ticket.id) for key, ticket in self._life.messages.items())
        self._life.now = seen.now

    def _check_tickets(self, seen: Seen) -> None:
        assert seen.tickets.keys() == {ticket.id for ticket in self._life.tickets}
        for ticket in self._life.tickets:
            row = seen.tickets[ticket.id]
            ticket.catch_up(row)
            expected = ticket.row()
            assert {column: row[column] for column in expected} == expected, ticket
            logged = self._log.tickets[ticket.id]
            assert (logged.state, logged.holder, logged.epoch) == (ticket.state, ticket.holder, ticket.epoch)
            assert row["enqueued_at"] <= row["due_at"]

    def _check_agents(self, seen: Seen) -> None:
        for person in self._people:
            row = seen.presence[person.who.id]
            assert (row["status"], row["missed"]) == (person.status, person.missed)
            assert row["seen_at"] >= person.seen_at
            person.seen_at = row["seen_at"]
            assert self._life.overload(person) == []
            assert {ticket.queue.team for ticket in self._life.held(person)} <= person.who.teams

    # in other words

    def _arrive(self, number: int) -> Person:
        """The agent with a sign of life, which is written at most every third of the grace time."""
        person = self._people[number]
        self._run(self._product.presences.seen(person.who.id))
        person.seen_at = max(person.seen_at, self._life.now - POLICY.assignment.grace / 3)
        return person

    def _whither(self, where: str | int) -> dict[str, object]:
        return {"queue": where} if isinstance(where, str) else {"to": self._people[where]}

    def _expect(self, problem: Problem, move: Awaitable[object]) -> None:
        with pytest.raises(problem) if problem else nullcontext():
            self._run(move)


def _draw(data: st.DataObject, choices: list) -> Any:
    return data.draw(st.sampled_from(choices))


def _destination(where: str | int) -> Destination:
    """A queue, or an agent."""
    return Destination(queue=where) if isinstance(where, str) else Destination(agent=STAFF[where][0])


def _told(answer: object) -> object:
    """What an agent is told, by the product or by the model: a lease, nothing, or why not."""
    match answer:
        case Assignment():
            return answer.lease
        case Ticket():
            return Lease(answer.id, answer.epoch)
        case FrontdeskError():
            return type(answer)
        case _:
            return answer
