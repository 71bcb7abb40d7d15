"""What can go wrong, grouped by what the caller does about it. Adapters translate what their libraries raise."""


class FrontdeskError(Exception):
    """Something Frontdesk knows about went wrong; the message is one sentence for the person who caused it."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").split("\n")[0])


class NotFound(FrontdeskError):
    """There is no such thing, or it is not yours to see."""


class Conflict(FrontdeskError):
    """Someone was faster: the state has moved on since you read it."""


class Refused(FrontdeskError):
    """The policy, a missing right or another team's ownership forbids it."""


class TokenEnded(FrontdeskError):
    """The token is unknown, expired or revoked: ask for a new one."""


class Invalid(FrontdeskError):
    """The request names something that cannot be: `field` says which, the message why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Unavailable(FrontdeskError):
    """A server we depend on does not answer in time; trying again later is right."""


class BusUnavailable(Unavailable):
    """The bus did not confirm in time; the message may or may not be in it."""


class StoreUnavailable(Unavailable):
    """The database did not answer in time; the transaction may be repeated."""


class DataError(FrontdeskError):
    """The database refuses what was to be recorded (a value, not an outage): one of the batch is at fault."""


class Misconfigured(FrontdeskError):
    """A setting is wrong or what it names cannot be reached; the message names both."""


class Raced(FrontdeskError):
    """Another transaction recorded the same thing at the same time; repeating this one settles it."""
