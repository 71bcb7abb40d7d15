"""`frontdesk explain`: why a ticket is where it is, for people and for programs."""

from typing import Annotated

import typer

from router.api.endpoint import to_json
from router.app import Deployment, explaining, load_policy
from router.command.running import with_deployment
from router.command.terminal import printable
from router.domain.actor import OPERATOR
from router.domain.ticket import TicketId
from router.flow.see.explanation import Explained
from router.flow.see.telling import lines

commands = typer.Typer()

_LARGEST = 2**63 - 1


@commands.command()
def explain(
    ticket: Annotated[int, typer.Argument(metavar="TICKET", min=1, max=_LARGEST, help="The ticket's number.")],
    json: Annotated[bool, typer.Option("--json", help="As JSON, like the API's `why`.")] = False,
) -> None:
    """Say why a ticket is where it is: who wrote it, how it was judged and routed, who moved it, who could take it."""

    async def work(shared: Deployment) -> Explained:
        return await explaining(shared, load_policy(shared)).explain(OPERATOR, TicketId(ticket))

    explained = with_deployment(work)
    if json:
        typer.echo(to_json(explained))
        return
    for line in list(lines(explained))[1:]:
        typer.echo(printable(line))
