"""Which obstacle is named of several that keep an agent from a ticket."""

import pytest

from router.domain.eligibility import Obstacle, first_obstacle

NONE = {
    "is_retired": False,
    "is_eligible": True,
    "is_reserved_for_another": False,
    "is_draining": False,
    "is_available": True,
    "is_live": True,
    "has_room": True,
    "is_answering": False,
    "has_refused": False,
}
FACTS = {
    Obstacle.RETIRED: {"is_retired": True},
    Obstacle.NOT_ELIGIBLE: {"is_eligible": False},
    Obstacle.RESERVED: {"is_reserved_for_another": True},
    Obstacle.DRAINING: {"is_draining": True},
    Obstacle.NOT_AVAILABLE: {"is_available": False},
    Obstacle.LEASE_OVER: {"is_live": False},
    Obstacle.NO_ROOM: {"has_room": False},
    Obstacle.ANSWERING: {"is_answering": True},
    Obstacle.REFUSED: {"has_refused": True},
}
# nothing keeps an agent who is not the first: somebody else was better placed
IN_ORDER = [obstacle for obstacle in Obstacle if obstacle is not Obstacle.NOT_FIRST]


def test_nothing_keeps_whom_no_fact_speaks_against():
    assert first_obstacle(**NONE) is None


@pytest.mark.parametrize("obstacle", IN_ORDER)
def test_the_first_obstacle_in_order_is_named_whatever_comes_after_it(obstacle: Obstacle):
    later = IN_ORDER[IN_ORDER.index(obstacle) :]
    facts = {fact: value for found in later for fact, value in FACTS[found].items()}
    assert first_obstacle(**NONE | facts) is first_obstacle(**NONE | FACTS[obstacle]) is obstacle
