"""Runs a policy on the demonstration's clock: a minute takes two seconds."""

import re
from datetime import timedelta

from router.files.checked import FileError
from router.policy.parse import parse_policy

HASTE = 30

_TIMES = re.compile(r"(?<!# )\b(target|sticky_for|after|wrap_up):(\s*[\"']?)(\d+)([smhd])\b")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# the lines of the shipped policy that turn the live queue into one that offers its tickets
_TO_OFFER = re.compile(r"^( +)# (mode: push|offer: \{.*\}|wrap_up: \w+|abandon: true)$", re.MULTILINE)


def hastened(policy: str) -> str:
    """Return the policy with targets, relaxation, wrap-up and waits for the last agent divided by `HASTE`.

    The result is in whole seconds, one at least. A policy whose times would then contradict each other stays as it is.
    """
    quick = _TIMES.sub(_hastened, policy)
    try:
        parse_policy(quick)
    except FileError:
        return policy
    return quick


def with_offers(policy: str) -> str:
    """Return the shipped policy with the suggestion in it taken: its live queue offers tickets to agents."""
    return _TO_OFFER.sub(r"\1\2", policy)


def in_policy_time(seconds: float) -> timedelta:
    """Return how long so many seconds of the demonstration are on the policy's clock."""
    return timedelta(seconds=seconds * HASTE)


def _hastened(found: re.Match[str]) -> str:
    name, space, number, unit = found.groups()
    seconds = int(number) * _SECONDS[unit]
    return f"{name}:{space}{max(1, round(seconds / HASTE))}s"
