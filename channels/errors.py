"""The errors of a payload, in words that its sender can act on."""

from channels.message import MessageKey


class Malformed(Exception):
    """The payload can never be processed as it is; sending it again will not help."""

    def __init__(self, field: str, problem: str, *, key: MessageKey | None = None) -> None:
        """`field` is a dotted path into the payload (`attachments.0.size`, `body`); `problem` is a clause, no period.

        `key` is the message's key, if it could be read.
        """
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.key = key


class UnknownFormat(Malformed):
    """There is no parser for the format that the delivery names."""
