"""Policies for tests of assigning: what agents can carry, and which queues push."""

from collections.abc import Callable, Collection
from dataclasses import replace

from router.domain.capacity import Capacity
from router.policy.model import Policy, QueueMode
from tests.making.intake import POLICY

NO_LIMIT = Capacity(limit=1000, weights={}, most={})


def a_policy(capacity: Capacity = NO_LIMIT, *, push: Collection[str] = ()) -> Callable[[], Policy]:
    """A policy that does not change, in which agents carry so much and the queues `push` offer their tickets."""
    assignment = replace(POLICY.assignment, capacity=capacity)
    pushing = {name: replace(POLICY.queues["general"], name=name, mode=QueueMode.PUSH) for name in push}
    policy = replace(POLICY, assignment=assignment, queues={**POLICY.queues, **pushing})
    return lambda: policy


UNLIMITED = a_policy()
