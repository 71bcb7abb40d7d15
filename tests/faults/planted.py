"""`python -m tests.faults.planted COMMAND` is `frontdesk COMMAND`, except that some payloads kill their process."""

import os
import signal
import sys
from functools import partial

from channels.message import Parsed
from router import __main__, app
from router.local.child import Child

COMMAND = (sys.executable, "-m", "tests.faults.planted")
POISON = b"the payload that kills its process"

_parse = app.parse


def parse(format_: str, raw: bytes, account: str | None) -> Parsed:
    if POISON in raw:
        os.kill(os.getpid(), signal.SIGKILL)
    return _parse(format_, raw, account)


if __name__ == "__main__":
    app.parse = parse
    app.Child = partial(Child, (*COMMAND, "isolate"))
    __main__.main()
