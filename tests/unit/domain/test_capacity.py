import pytest

from router.domain.capacity import Capacity

SIX = Capacity(limit=6, weights={"chat": 3, "email": 2}, most={"chat": 1})
INTERRUPTIBLE = Capacity(limit=4, weights={"chat": 2}, most={}, interruptible=frozenset({"email"}))


@pytest.mark.parametrize(
    ("capacity", "held", "channel", "fits"),
    [
        (SIX, {}, "chat", True),
        (SIX, {"email": 2}, "email", True),
        (SIX, {"email": 2}, "chat", False),
        (SIX, {"email": 3}, "sms", False),
        (SIX, {"email": 2, "sms": 1}, "sms", True),
        (SIX, {"chat": 1}, "chat", False),
        (SIX, {"chat": 1}, "email", True),
        (INTERRUPTIBLE, {"email": 4}, "chat", True),
        (INTERRUPTIBLE, {"email": 4}, "email", False),
        (INTERRUPTIBLE, {"email": 4, "chat": 1}, "chat", True),
        (INTERRUPTIBLE, {"chat": 2}, "chat", False),
        (INTERRUPTIBLE, {"chat": 2}, "email", False),
        (INTERRUPTIBLE, {"chat": 1, "email": 1}, "email", True),
        (Capacity(limit=0, weights={}, most={}), {}, "email", False),
    ],
)
def test_one_more_ticket_fits_or_does_not(capacity: Capacity, held: dict[str, int], channel: str, fits: bool):
    assert capacity.has_room(held, channel) is fits


def test_what_is_said_of_one_agent_stands_in_place_of_the_default():
    adjusted = SIX.adjusted(limit=8, weights={"chat": 4}, most={"email": 1})
    assert adjusted == Capacity(limit=8, weights={"chat": 4, "email": 2}, most={"chat": 1, "email": 1})


def test_an_agent_of_whom_nothing_is_said_has_the_default():
    assert SIX.adjusted(limit=None, weights={}, most={}) == SIX


def test_an_agent_may_have_a_limit_of_nothing():
    assert SIX.adjusted(limit=0, weights={}, most={}).limit == 0
