"""`python -m tests.faults.planted COMMAND` is `frontdesk COMMAND`, except that some messages kill their process."""

import os
import signal
import sys
from functools import partial

from router import __main__, app
from router.flow.intake import receive
from router.flow.intake.changes import Outcome
from router.flow.intake.opening import Arrival
from router.flow.intake.world import World
from router.flow.run.bus import Delivery
from router.local.child import Child
from router.policy.model import Policy

COMMAND = (sys.executable, "-m", "tests.faults.planted")
POISON = b"the message that kills its process"

_take_in = receive.take_in


def take_in(arrival: Arrival, delivery: Delivery, world: World, policy: Policy) -> Outcome:
    if POISON.decode() in arrival.message.text:
        os.kill(os.getpid(), signal.SIGKILL)
    return _take_in(arrival, delivery, world, policy)


if __name__ == "__main__":
    receive.take_in = take_in
    app.Child = partial(Child, (*COMMAND, "isolate"))
    __main__.main()
