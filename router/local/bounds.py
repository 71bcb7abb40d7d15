"""Bounds that a process sets for itself: how much it may use, and that it ends with its parent."""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def lower(kind: int, limit: int) -> None:
    """Bound a resource for this process, unless it is bounded closer already."""
    _, most = resource.getrlimit(kind)
    lowered = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(kind, (lowered, lowered))


def end_with(parent: int, how: signal.Signals) -> None:
    """Have this process get the signal when its parent dies (Linux); end at once if that has happened already.

    A change of account clears the request (prctl(2)): it comes first.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, how, 0, 0, 0)
    if os.getppid() != parent:  # it died before we could ask
        os._exit(1)
