"""Wait: when a ticket's wait starts, when it is due, and what changes as it grows long.

All rules of a ticket's clock are here. A wait starts when a ticket is new, reopened, transferred or woken. An undo
starts none: it gives back one that the history remembers (`Wait.before`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from router.domain.customer import AgentId
from router.domain.ticket import Ticket, TicketNow
from router.domain.wait import Requirement, Wait, requirement
from router.policy.model import Policy, RelaxStep


def begin(
    asked: Requirement,
    *,
    route: str,
    target: timedelta,
    policy: Policy,
    now: datetime,
    reserved_for: AgentId | None = None,
    or_for: timedelta = timedelta(0),
) -> Wait:
    """Return a wait that starts now, in the queue that `asked` names, and is due after `target`.

    It is reserved for the agent for the queue's `sticky_for`, or for `or_for` if the queue has none; if both are zero,
    it is not reserved. The route's steps apply only if the ticket waits in the route's own queue.
    """
    queue = policy.queues.get(asked.queue)
    reserved = ((queue.sticky_for if queue else timedelta(0)) or or_for) if reserved_for else timedelta(0)
    steps = _steps(route, asked.queue, policy)
    return Wait(
        requirement=asked,
        enqueued_at=now,
        due_at=now + target,
        relax_at=now + steps[0].after if steps else None,
        reserved_for=reserved_for if reserved else None,
        reserved_until=now + reserved if reserved else None,
    )


def again(ticket: Ticket | TicketNow, *, policy: Policy, now: datetime, reserved_for: AgentId | None) -> Wait:
    """Return a wait that starts now where the ticket waited last, with what it asked for and the target it had."""
    return begin(
        ticket.wait.requirement,
        route=ticket.route,
        target=ticket.target,
        policy=policy,
        now=now,
        reserved_for=reserved_for,
    )


def wake(ticket: Ticket | TicketNow, *, policy: Policy, now: datetime) -> Wait:
    """Return the wait of a snoozed ticket that wakes, reserved for the agent who put it aside."""
    return again(ticket, policy=policy, now=now, reserved_for=ticket.wait.reserved_for)


def relax(wait: Wait, *, route: str, policy: Policy, now: datetime) -> Wait:
    """Return the wait after all steps of the route whose time has come; `due_at` can only come forward.

    If the policy no longer has the route, no step is left.
    """
    known = policy.route_named(route)
    for step in known.relax[wait.relaxed :] if known else ():
        if wait.enqueued_at + step.after > now:
            return wait._replace(relax_at=wait.enqueued_at + step.after)
        wait = _after(step, wait, policy)
    return wait._replace(relax_at=None)


def _steps(route: str, queue: str, policy: Policy) -> Sequence[RelaxStep]:
    known = policy.route_named(route)
    return known.relax if known and known.queue == queue else ()


def _after(step: RelaxStep, wait: Wait, policy: Policy) -> Wait:
    asked, due_at = wait.requirement, wait.due_at
    if step.target is not None:
        due_at = min(due_at, wait.enqueued_at + step.after + step.target)
    queue, team = _place(step.queue, asked, policy)
    # a reservation ends when the ticket changes its queue
    kept = (wait.reserved_for, wait.reserved_until) if queue == asked.queue else (None, None)
    return wait._replace(
        requirement=requirement(queue, team, tuple(step.keep(asked.skills)), asked.channel),
        due_at=due_at,
        relaxed=wait.relaxed + 1,
        reserved_for=kept[0],
        reserved_until=kept[1],
    )


def _place(queue: str | None, asked: Requirement, policy: Policy) -> tuple[str, str]:
    """Return the step's queue and its team, or the current ones if the ticket's team must not overflow there."""
    if queue is None or queue not in policy.queues:
        return asked.queue, asked.team
    team = policy.queues[queue].team
    if team != asked.team and (asked.team not in policy.teams or team not in policy.teams[asked.team].overflow_to):
        return asked.queue, asked.team
    return queue, team
