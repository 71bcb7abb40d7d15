"""The errors, grouped by what the caller does about them. Adapters translate their libraries' errors into these."""


class FrontdeskError(Exception):
    """A known kind of error; the message is one sentence for the person who caused it."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").split("\n")[0])


class NotFound(FrontdeskError):
    """It does not exist, or you are not allowed to see it."""


class Conflict(FrontdeskError):
    """Someone else was faster: the state has changed since you read it."""


class Refused(FrontdeskError):
    """It is forbidden: by the policy, by a missing right, or because it belongs to another team."""


class TokenEnded(FrontdeskError):
    """The token is unknown, expired or revoked: ask for a new one."""


class Invalid(FrontdeskError):
    """The request contains an invalid value: `field` says where, the message says why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Unavailable(FrontdeskError):
    """A server we depend on does not answer in time: try again later."""


class BusUnavailable(Unavailable):
    """The bus did not confirm in time; it may or may not have the message."""


class StoreUnavailable(Unavailable):
    """The database did not answer in time; it is safe to repeat the transaction."""


class DataError(FrontdeskError):
    """The database refuses a value in the batch (this is not an outage): one item is at fault."""


class Misconfigured(FrontdeskError):
    """A setting is wrong, or what it names cannot be reached; the message names both."""


class Raced(FrontdeskError):
    """Another transaction recorded the same thing at the same time; repeat this one to settle it."""
