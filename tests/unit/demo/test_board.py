"""What the board and the plain lines say fits 80 columns, with waits and targets in one unit."""

import io

import pytest
from rich.console import Console

from router.demo.api import Api
from router.demo.board import WIDTH, Board, line, pace_note, targets, title
from router.demo.figures import Figures, QueueFigures, Samples
from router.policy.parse import parse_policy
from router.settings import default_policy_path

SHIPPED = parse_policy(default_policy_path().read_text())


def figures(waiting: int) -> Figures:
    queues = [
        QueueFigures(
            name=queue.name, team=queue.team, waiting=waiting, longest_wait_s=90.0, answered=10_000, within_target=9_999
        )
        for queue in SHIPPED.queues.values()
    ]
    return Figures(queues=queues, samples=Samples(""))


@pytest.mark.parametrize("waiting", [0, 5, 5_000])
def test_every_line_of_the_board_fits(waiting: int):
    console = Console(file=io.StringIO(), width=WIDTH)
    board = Board(
        console, Api(None, "fd_" + "x" * 43), "http://127.0.0.1:54321", policy=SHIPPED, agent_token="fd_" + "y" * 43
    )
    console.print(board._page(figures(waiting)))
    said = console.file.getvalue().splitlines()
    assert max(map(len, said)) <= WIDTH
    assert "…" not in "".join(said)
    assert said[0] == title(0)
    assert len(pace_note()) <= WIDTH
    assert len(line(100, figures(waiting))) <= WIDTH


def test_waits_are_told_in_the_time_of_the_targets():
    assert "longest 45 min" in line(1, figures(1))
    assert targets(SHIPPED)["live"] == "1 min - 15 min"
