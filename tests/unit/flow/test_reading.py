"""How queues stand, as people see them."""

from router.domain.actor import Viewer
from router.flow.see.queues import QueueLoad, queue_statuses
from tests.making.intake import POLICY


def test_queue_that_changed_team_shows_what_waits_for_either_team():
    loads = [
        QueueLoad(queue="general", team=team, waiting=waiting, overdue=1, longest_wait_s=5.0)
        for team, waiting in (("frontline", 3), ("specialists", 2))
    ]
    shown = [(status.queue, status.team, status.waiting) for status in queue_statuses(Viewer(), POLICY, loads)]
    assert shown == [
        ("chats", "frontline", 0),
        ("expert", "specialists", 0),
        ("general", "frontline", 3),
        ("general", "specialists", 2),
    ]
