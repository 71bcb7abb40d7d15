"""What keeps an agent from tickets, in plain words, for the agent and for people who ask about them."""

from collections.abc import Callable, Mapping

from router.domain.agent import Cause, Status
from router.domain.eligibility import Asked, Obstacle, Refusal, Standing, obstacle

IN_NO_TEAM = "You are in no team, so you cannot get tickets: ask a lead or an admin to add you to one."


def why_not(standing: Standing, asked: Asked) -> str | None:
    """Say what keeps the agent from the ticket, worded to follow the agent's name; None if nothing does."""
    found = obstacle(standing, asked)
    return found and _WORDS[found](standing, asked)


def why_nothing(found: Obstacle, status: Status, cause: Cause | None = None) -> str:
    """Tell an agent with this status, and the cause if they did not declare it, what keeps them from all tickets."""
    match found:
        case Obstacle.RETIRED:
            return "You are retired, so you get no more tickets."
        case Obstacle.NOT_ELIGIBLE:
            return IN_NO_TEAM
        case Obstacle.DRAINING:
            return "You are draining: finish what you hold. You get nothing new until a lead or an admin ends it."
        case _:
            because = " because you let too many offers in a row expire" if cause is Cause.MISSED_OFFERS else ""
            return f"Your status is {status}{because}: set it to available to get tickets."


def _not_eligible(standing: Standing, asked: Asked) -> str:
    required = asked.requirement
    if required.team not in standing.agent.teams:
        return f"is not in team {required.team}"
    lacking = [skill for skill in required.skills if skill not in standing.agent.skills]
    return f"lacks {', '.join(lacking)}"


def _not_available(standing: Standing, _: Asked) -> str:
    presence = standing.presence
    if presence is None:
        return "has declared no status"
    why = _CAUSES.get(presence.cause) if presence.cause else presence.reason
    return f"is {presence.status}" + (f" ({why})" if why else "")


_CAUSES = {Cause.LOST: "not heard from for the grace time", Cause.MISSED_OFFERS: "let too many offers expire"}


def _lease_over(standing: Standing, _: Asked) -> str:
    assert standing.presence, "an agent without a presence is not available"
    return f"was last heard from at {standing.presence.seen_at:%Y-%m-%d %H:%M:%S} UTC"


def _no_room(standing: Standing, asked: Asked) -> str:
    channel, capacity, held = asked.requirement.channel, standing.capacity, standing.held
    most = capacity.most.get(channel)
    if most is not None and held.get(channel, 0) >= most:
        return f"has no room: holds {held.get(channel, 0)} of {channel}, and the most is {most}"
    load = capacity.load(held, beside=channel)
    return f"has no room: carries {load} of {capacity.limit}, and {channel} weighs {capacity.weight(channel)}"


def _answering(standing: Standing, asked: Asked) -> str:
    return f"has {standing.offered} of {asked.offers_at_once} offers to answer"


def _refused(standing: Standing, _: Asked) -> str:
    did = "declined it" if standing.refusal is Refusal.DECLINED else "let the offer expire"
    return f"{did} in this wait, and is asked again only if nobody else can take it"


_WORDS: Mapping[Obstacle, Callable[[Standing, Asked], str]] = {
    Obstacle.RETIRED: lambda *_: "is retired",
    Obstacle.NOT_ELIGIBLE: _not_eligible,
    Obstacle.RESERVED: lambda *_: "is not the agent that the ticket is reserved for",
    Obstacle.DRAINING: lambda *_: "is draining and gets nothing new",
    Obstacle.NOT_AVAILABLE: _not_available,
    Obstacle.LEASE_OVER: _lease_over,
    Obstacle.NO_ROOM: _no_room,
    Obstacle.ANSWERING: _answering,
    Obstacle.REFUSED: _refused,
}
