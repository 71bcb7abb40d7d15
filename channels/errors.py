"""What can be wrong with a payload, in words its sender can act on."""


class Malformed(Exception):
    """The payload can never be processed as it is; sending it again will not help."""

    def __init__(self, field: str, problem: str) -> None:
        """`field` is a dotted path into the payload (`attachments.0.size`, `body`); `problem` one clause, no period."""
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class UnknownFormat(Malformed):
    """No parser is known for the format that the delivery names."""
