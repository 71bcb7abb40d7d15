"""Tickets that agents hold, and what becomes of them, as the tests of the desk and of a lead's tools look at them."""

import json
from typing import Any

from router.domain.actor import Viewer
from router.domain.agent import Agent
from router.flow.assign.hold import Hold
from router.flow.see.pages import TicketPage
from tests.clients.api import Api
from tests.making.builders import a_ticket

EVERYBODY = Viewer(teams=None)


async def a_hold(api: Api, agent: Agent, **ticket: Any) -> Hold:
    return Hold(agent=agent, lease=await a_ticket(api.database, held_by=agent, **ticket))


async def page(api: Api, hold: Hold) -> TicketPage:
    """The ticket as somebody sees it who sees everything."""
    found = await api.reading.ticket(EVERYBODY, hold.lease.ticket_id)
    assert found is not None
    return found


async def history(api: Api, hold: Hold) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Kind, state, actor and data of each event of the ticket."""
    rows = await api.database.fetch(
        "test",
        "select kind, state, actor, data from ticket_event where ticket_id = $1 order by id",
        hold.lease.ticket_id,
    )
    return [(row["kind"], row["state"], row["actor"], json.loads(row["data"])) for row in rows]


async def row(api: Api, ticket_id: int) -> Any:
    """The ticket's row."""
    [found] = await api.database.fetch("test", "select * from ticket where id = $1", ticket_id)
    return found


def place(row: Any) -> tuple[Any, ...]:
    """Where a ticket waits, and since when."""
    return tuple(row[name] for name in ("queue", "team", "skills", "enqueued_at", "due_at"))
