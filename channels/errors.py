"""The errors of a payload, in words that its sender can act on."""

from collections.abc import Sequence

from channels.message import MessageKey


class Malformed(Exception):
    """The payload can never be processed as it is; sending it again will not help."""

    def __init__(
        self, field: str, problem: str, *, key: MessageKey | None = None, further: Sequence[tuple[str, str]] = ()
    ) -> None:
        """`field` is a dotted path into the payload (`attachments.0.size`, `body`); `problem` is a clause, no period.

        `key` is the message's key, if it could be read. `further` are the fields and problems found beside the first.
        """
        self.field = field
        self.problem = problem
        self.key = key
        self.faults: tuple[tuple[str, str], ...] = ((field, problem), *further)
        super().__init__("; ".join(f"{place}: {what}" for place, what in self.faults))


class UnknownFormat(Malformed):
    """There is no parser for the format that the delivery names."""
