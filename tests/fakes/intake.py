"""The intake store in memory: passes the contract of intake stores."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from channels.message import Channel, MessageKey
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import Customer, CustomerId, KnownHandle
from router.domain.errors import Raced
from router.domain.history import HistoryLine
from router.domain.ticket import Ticket, TicketId
from router.flow.intake.changes import Changes, Received, StoredMessage
from router.flow.intake.receive import Wanted
from router.flow.intake.unprocessable import Unprocessable, once
from router.flow.intake.world import Found
from tests.making.moments import NOON

_OPEN_TICKETS_LOADED = 20


class CountedIds:
    """Implements `router.flow.intake.world.Ids`: each kind counts from one."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()

    def customer(self) -> CustomerId:
        return CustomerId(self._next("customer"))

    def conversation(self) -> ConversationId:
        return ConversationId(self._next("conversation"))

    def ticket(self) -> TicketId:
        return TicketId(self._next("ticket"))

    def message(self) -> int:
        return self._next("message")

    def _next(self, kind: str) -> int:
        self._used[kind] += 1
        return self._used[kind]


@dataclass
class FakeIntake:
    """Implements `router.flow.intake.receive.IntakeStore`; its fields are the tables.

    `now` is its clock, which each batch moves on by a microsecond a message. `failures` are raised one after the other,
    each by the next transaction as it would commit.
    """

    now: datetime = NOON
    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    handles: dict[str, KnownHandle] = field(default_factory=dict)
    conversations: dict[ConversationId, Conversation] = field(default_factory=dict)
    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    messages: list[StoredMessage] = field(default_factory=list)
    references: dict[tuple[str, str], ConversationId] = field(default_factory=dict)
    events: list[HistoryLine] = field(default_factory=list)
    received: dict[MessageKey, Received] = field(default_factory=dict)
    namesakes: dict[tuple[MessageKey, bytes], Received] = field(default_factory=dict)
    unprocessable: list[Unprocessable] = field(default_factory=list)
    begun: Counter[bytes] = field(default_factory=Counter)
    failures: list[Exception] = field(default_factory=list)
    transactions: int = field(default=0, compare=False)
    ids: CountedIds = field(default_factory=CountedIds, compare=False)

    @asynccontextmanager
    async def transaction(self, wanted: Wanted) -> AsyncIterator["FakeIntakeTransaction"]:
        transaction = FakeIntakeTransaction(self, wanted)
        yield transaction
        self.transactions += 1
        if self.failures:
            raise self.failures.pop(0)
        transaction.commit()

    async def attempts(self, hashes: Sequence[bytes]) -> Mapping[bytes, int]:
        return {hash_: self.begun[hash_] for hash_ in hashes if self.begun[hash_]}

    async def begin_attempts(self, hashes: Sequence[bytes]) -> None:
        self.begun.update(set(hashes))

    def further_references(self) -> Iterable[tuple[tuple[str, str], ConversationId]]:
        """Pairs of account and Message-ID, and the conversations that mails with a taken id lead to."""
        for (key, _), received in self.namesakes.items():
            if key.channel == Channel.EMAIL and received.conversation_id:
                yield (key.account, key.external_id), received.conversation_id


class FakeIntakeTransaction:
    """Implements `router.flow.intake.receive.IntakeTransaction`; nothing is written before `commit`."""

    def __init__(self, store: FakeIntake, wanted: Wanted) -> None:
        self._store = store
        self._messages = wanted.messages
        self._recorded: list[tuple[Changes, Sequence[bytes]]] = []
        self.ids = store.ids
        self.found = self._load(wanted)

    def _load(self, wanted: Wanted) -> Found:
        """No more than the wanted evidence leads to, so that a decision that looks at more is found out."""
        store = self._store
        found = self._find_conversations(wanted)
        handles = [handle for key, handle in store.handles.items() if key in wanted.handles]
        customer_ids = {handle.customer_id for handle in handles} | {c.customer_id for c in found}
        open_here = [
            c
            for c in store.conversations.values()
            if c.is_open and c.channel is not Channel.EMAIL and c.customer_id in customer_ids
        ]
        conversations = _by_id([*found, *open_here])
        return Found(
            now=store.now,
            customers=_by_id(store.customers[id_] for id_ in customer_ids),
            handles=handles,
            conversations=conversations,
            tickets=self._tickets(conversations, customer_ids),
            references={
                (account, id_): conversation
                for (account, id_), conversation in store.references.items()
                if (account, id_) in wanted.references
            },
            further_references=[
                (reference, conversation)
                for reference, conversation in store.further_references()
                if reference in wanted.references
            ],
            received=[store.received[key] for key, _ in wanted.keys if key in store.received],
            namesakes=[store.namesakes[key] for key in wanted.keys if key in store.namesakes],
        )

    def _find_conversations(self, wanted: Wanted) -> list[Conversation]:
        store = self._store
        referenced = {store.references[reference] for reference in wanted.references & store.references.keys()}
        referenced |= {id_ for reference, id_ in store.further_references() if reference in wanted.references}
        return [
            c
            for c in store.conversations.values()
            if c.id in wanted.tokened | referenced
            or (c.channel is Channel.EMAIL and (c.account, c.thread_key) in wanted.threads)
            or c.ticket_id in wanted.ticket_numbers
        ]

    def _tickets(self, conversations: Iterable[Conversation], customer_ids: Iterable[CustomerId]) -> list[Ticket]:
        tickets = self._store.tickets
        wanted = [tickets[c.ticket_id] for c in conversations if c.ticket_id]
        for customer_id in customer_ids:
            mine = [t for t in _by_id(tickets.values()) if t.customer_id == customer_id and t.is_open]
            wanted += mine[-_OPEN_TICKETS_LOADED:]
        return _by_id(wanted)

    async def record(self, changes: Changes, finished: Sequence[bytes]) -> Sequence[Unprocessable]:
        new = list(once([*self._store.unprocessable, *changes.unprocessable]))[len(self._store.unprocessable) :]
        self._recorded.append((replace(changes, unprocessable=new), finished))
        return new

    def commit(self) -> None:
        for changes, finished in self._recorded:
            if any(received.key in self._store.received for received in changes.received):
                raise Raced
            if any((each.key, each.fingerprint) in self._store.namesakes for each in changes.namesakes):
                raise Raced
            self._write(changes)
            for hash_ in finished:
                del self._store.begun[hash_]
        self._store.now += timedelta(microseconds=self._messages)

    def _write(self, changes: Changes) -> None:
        store = self._store
        store.customers |= changes.customers
        for new in changes.handles:
            handle = KnownHandle(key=new.handle.key, customer_id=new.customer_id, verified=new.handle.verified)
            known = store.handles.setdefault(handle.key, handle)
            if handle.verified and known.customer_id == handle.customer_id:
                store.handles[handle.key] = handle
        store.conversations |= {
            id_: c._replace(reply_to=replace(c.reply_to, verified=False)) for id_, c in changes.conversations.items()
        }
        store.tickets |= {id_: t._replace(triage=t.triage._replace(reasons=())) for id_, t in changes.tickets.items()}
        store.messages += changes.messages
        for account, message_id, conversation_id in changes.references:
            store.references.setdefault((account, message_id), conversation_id)
        store.events += changes.history
        store.received |= {received.key: received for received in changes.received}
        store.namesakes |= {(each.key, each.fingerprint): each for each in changes.namesakes}
        store.unprocessable += changes.unprocessable


def _by_id(nouns: Iterable[Any]) -> list[Any]:
    return sorted({noun.id: noun for noun in nouns}.values(), key=lambda noun: noun.id)
