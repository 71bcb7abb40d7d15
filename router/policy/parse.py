"""Turns the text of a policy file into a `Policy`, or into sentences that say what is wrong. Reads no files."""

from collections.abc import Iterable
from hashlib import sha256

from pydantic import ValidationError

from router.domain.errors import Misconfigured
from router.policy.assignment_checks import assignment_problems_of
from router.policy.build import build_policy
from router.policy.checks import problems_of
from router.policy.document import Unreadable, read_document
from router.policy.model import Policy
from router.policy.schema import PolicySection
from router.policy.wording import sentence


class PolicyError(Misconfigured):
    """The policy file cannot be used; each sentence in `problems` starts with the place in the file."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def parse_policy(text: str) -> Policy:
    """Return the policy that the text describes. Raises `PolicyError` with every fault found."""
    policy = build_policy(_read(text), version=sha256(text.encode()).hexdigest()[:12])
    if problems := (*problems_of(policy), *assignment_problems_of(policy)):
        raise PolicyError(problems)
    return policy


def _read(text: str) -> PolicySection:
    try:
        document = read_document(text)
    except Unreadable as error:
        raise PolicyError([str(error)]) from error
    try:
        return PolicySection.model_validate(document)
    except ValidationError as error:
        raise PolicyError(sentence(problem, document) for problem in error.errors()) from error
