"""Shows where a message would go and why, without taking it in: what `frontdesk policy try` and `policy test` ask."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from channels.formats import CANONICAL
from channels.message import Automatic, Channel, HandleKind
from router.decide.author import as_written, is_ours
from router.decide.classify import classify
from router.decide.route import considered, route
from router.domain.customer import Contact, Customer, CustomerId
from router.domain.triage import Considered, Routing, Triage
from router.flow.intake.opening import Arrival
from router.flow.intake.take_in import facts_of, query_of
from router.flow.run.bus import Delivery
from router.policy.fields import duration
from router.policy.model import Policy
from router.policy.samples import Expected, SampleCustomer, SampleMessage

_A_FILE = {"name": "file.pdf", "content_type": "application/pdf", "size": 1, "url": "https://files.example/file.pdf"}
_ADDRESSES = {
    Channel.EMAIL: (HandleKind.EMAIL, "someone@example.com", "desk@example.com"),
    Channel.CHAT: (HandleKind.USER, "someone", "www.example.com"),
    Channel.SMS: (HandleKind.PHONE, "+4930123456", "+4930654321"),
    Channel.SOCIAL: (HandleKind.USER, "someone", "page"),
}
_LATELY, _LONG_AGO = timedelta(days=1), timedelta(days=30)


class Supposed(NamedTuple):
    """The customer who is supposed to write: their counters as triage sees them; by default a stranger."""

    tier: str | None = None
    is_returning: bool = False
    contacts_7d: int = 0
    reopened_count: int = 0
    open_tickets: int = 0


class Trial(NamedTuple):
    """What would become of a message that begins a ticket. `no_ticket` says why it would begin none."""

    triage: Triage
    routing: Routing
    considered: Sequence[Considered]
    no_ticket: str | None


def try_out(arrival: Arrival, supposed: Supposed, policy: Policy) -> Trial:
    """Classify and route as intake would, for a customer who has no conversation that the message continues."""
    arrival = arrival._replace(message=as_written(arrival.message, policy))
    now = datetime.now(UTC)
    customer = _customer(supposed, now)
    senders = [arrival.message.sender.value, *(also.value for also in arrival.message.also if also.verified)]
    tier = policy.tier_of(senders, supposed.tier)
    triage = classify(query_of(arrival, customer, tier, supposed.open_tickets, now), policy.triage)
    facts = facts_of(arrival, customer, tier, triage)
    return Trial(triage, route(facts, policy), considered(facts, policy), _no_ticket(arrival, policy))


def sample_delivery(sample: SampleMessage) -> Delivery:
    """Return the `message.v1` that the sample stands for."""
    kind, value, account = _ADDRESSES[sample.channel]
    if sample.channel is Channel.SOCIAL and sample.sender.startswith("+"):
        kind = HandleKind.PHONE
    body = {
        "id": "sample",
        "channel": sample.channel,
        "provider": sample.provider,
        "account": sample.account or account,
        "from": {"kind": kind, "value": sample.sender or value},
        "sent_at": "2026-03-02T12:00:00Z",
        "subject": sample.subject or None,
        "text": sample.text,
        "language": sample.language,
        "attributes": sample.attributes,
        "attachments": [_A_FILE] * sample.attachments,
    }
    return Delivery(json.dumps(body).encode(), format=CANONICAL)


def supposed(customer: SampleCustomer) -> Supposed:
    """Return the customer that the sample describes."""
    return Supposed(
        tier=customer.tier,
        is_returning=customer.returning,
        contacts_7d=customer.contacts_7d,
        reopened_count=customer.reopened,
        open_tickets=customer.open_tickets,
    )


def differences(trial: Trial, expected: Expected) -> Sequence[str]:
    """Return what the trial gave instead of what was expected, as `queue is general, not expert`."""
    asked = trial.routing.requirement
    got: Mapping[str, object] = {
        "route": trial.routing.route,
        "queue": asked.queue,
        "team": asked.team,
        "complexity": trial.triage.complexity,
        "language": trial.triage.language,
        "skills": tuple(sorted(asked.skills)),
        "target": trial.routing.target,
    }
    wanted = {name: getattr(expected, name) for name in expected.model_fields_set}
    if "skills" in wanted:
        wanted["skills"] = tuple(sorted(wanted["skills"]))
    return [f"{name} is {_said(got[name])}, not {_said(value)}" for name, value in wanted.items() if got[name] != value]


def _said(value: object) -> str:
    if isinstance(value, timedelta):
        return duration(value)
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")) or "none"


def _no_ticket(arrival: Arrival, policy: Policy) -> str | None:
    message = arrival.message
    if message.automatic or is_ours(message, policy):
        return f"set aside: {message.automatic or Automatic.OWN_NOTIFICATION}"
    return "the sender is blocked" if policy.blocks(message.sender.value) else None


def _customer(supposed: Supposed, now: datetime) -> Customer:
    times = [now - _LATELY] * supposed.contacts_7d or [now - _LONG_AGO] * supposed.is_returning
    return Customer(
        id=CustomerId(0),
        created_at=now,
        tier=supposed.tier,
        contacts=tuple(Contact(at, "email", "any", 0) for at in times),
        reopened_count=supposed.reopened_count,
    )
