"""Turns the text of a policy file into a `Policy`, or into sentences that say what is wrong. Reads no files."""

from hashlib import sha256

from router.files.checked import FileError, read
from router.policy.assignment_checks import assignment_problems_of
from router.policy.build import build_policy
from router.policy.checks import problems_of
from router.policy.model import Policy
from router.policy.schema import PolicySection


def parse_policy(text: str) -> Policy:
    """Return the policy that the text describes. Raises `FileError` with every fault found."""
    policy = build_policy(read(text, PolicySection), version=sha256(text.encode()).hexdigest()[:12])
    if problems := (*problems_of(policy), *assignment_problems_of(policy)):
        raise FileError(problems)
    return policy
