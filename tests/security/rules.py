"""Reads `rules.txt`, the table of who may ask what and what they are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

STRANGER = "stranger"
"""The column of those without a valid token."""
OWN, OTHER, MISSING = "own", "other", "missing"
"""Whose the subject of a request is: the asker's team's, another team's, or nobody's."""
COLUMNS = (STRANGER, "integration", "agent", "lead", "admin", OTHER, MISSING)
TEAMLESS = frozenset({"integration", "admin"})
NOT_LET_IN = frozenset({401, 403})
WRITE_A_RULE = (
    "{endpoint} has no rule: add a line to tests/security/rules.txt that says who may ask it, and what they are "
    "answered about what is their own, another team's or nobody's; one for each subject in path, query or body."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One request, and the statuses that it is answered with, by column."""

    method: str
    target: Template
    body: Template
    statuses: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.method} {self.target.template} {self.body.template}".strip()

    @property
    def names(self) -> Sequence[str]:
        """What the request names, in its path first."""
        return [*self.target.get_identifiers(), *self.body.get_identifiers()]

    @property
    def subjects(self) -> Sequence[str]:
        """Whose the subject can be; a request without one is asked once."""
        return (OWN, OTHER, MISSING) if MISSING in self.statuses else (OWN,)

    @property
    def hides(self) -> bool:
        """Whether what is another team's looks like what does not exist."""
        return OTHER in self.statuses and self.statuses[OTHER] == self.statuses[MISSING]

    @property
    def is_read(self) -> bool:
        return self.method == "GET"

    def covers(self, method: str, path: str) -> bool:
        """Whether this asks the endpoint of that method and path, such as `/v1/tickets/{id}`."""
        asked, served = self.target.template.partition("?")[0].split("/"), path.split("/")
        same = len(asked) == len(served) and all(
            one == other or other.startswith("{") for one, other in zip(asked, served, strict=True)
        )
        return same and self.method == method

    def may_ask(self, column: str) -> bool:
        """Whether somebody of this column is let in."""
        return self.statuses[column] not in NOT_LET_IN

    def may_change(self, column: str) -> bool:
        """Whether somebody of this column is let in to change something."""
        return not self.is_read and self.may_ask(column)

    def status(self, column: str, subject: str) -> int:
        """What somebody of this column is answered; who is not let in is told so whatever the subject."""
        is_own = subject == OWN or (subject == OTHER and column in TEAMLESS)
        return self.statuses[column if is_own or not self.may_ask(column) else subject]


def _rule(line: str) -> Rule:
    request, behind = line.split(" | ")
    method, target, *columns = request.split()
    other, missing, *body = behind.split(maxsplit=2)
    statuses = zip(COLUMNS, [*columns, other, missing], strict=True)
    return Rule(
        method=method,
        target=Template(target),
        body=Template("".join(body)),
        statuses={column: int(text) for column, text in statuses if text != "-"},
    )


_LINES = Path(__file__).with_name("rules.txt").read_text().splitlines()
RULES = [_rule(line) for line in _LINES if line and not line.startswith(("#", "request"))]
