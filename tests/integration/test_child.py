"""A suspect delivery in a process of its own: what it does to that process is done to no other."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from router.domain.errors import StoreUnavailable
from router.flow.run.bus import Delivery
from router.local import child
from router.local.child import Child

SUSPECT = Delivery(
    body=b"\x00\xff",
    format="email.rfc822",
    account="support@acme.example",
    redelivered=True,
    trace_id="t1",
    published_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
    routing_key="email.rfc822",
)


def a_child(program: str, **options: float) -> Child:
    return Child((sys.executable, "-c", program), **options)


def test_a_delivery_survives_the_way_to_the_child_but_for_being_redelivered():
    arrived = child.read(child.write(SUSPECT))
    assert arrived == Delivery(
        body=b"\x00\xff",
        format="email.rfc822",
        account="support@acme.example",
        redelivered=False,
        trace_id="t1",
        published_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        routing_key="email.rfc822",
    )


async def test_the_child_reads_the_delivery_from_its_standard_input(tmp_path: Path):
    program = f"import pathlib, sys; pathlib.Path({str(tmp_path / 'got')!r}).write_bytes(sys.stdin.buffer.read())"
    assert await a_child(program).settle(SUSPECT)
    assert (tmp_path / "got").read_bytes() == child.write(SUSPECT)


@pytest.mark.parametrize(
    "death",
    [
        "raise SystemExit(1)",
        "import os; os._exit(3)",
        "from router.local.child import limit; limit(); bytearray(3 * 1024**3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
async def test_a_child_that_ends_badly_has_settled_nothing(death: str):
    assert not await a_child(death).settle(SUSPECT)


async def test_a_child_that_could_not_try_says_nothing_about_the_delivery():
    with pytest.raises(StoreUnavailable):
        await a_child("import os; os._exit(os.EX_TEMPFAIL)").settle(SUSPECT)


async def test_a_delivery_is_not_to_blame_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(StoreUnavailable):
        await Child().settle(SUSPECT)


async def test_the_time_that_a_child_may_compute_is_bounded():
    program = (
        "import resource as r; from router.local.child import *; limit(); assert r.getrlimit(r.RLIMIT_CPU)[0] == CPU_S"
    )
    assert await a_child(program).settle(SUSPECT)


async def test_a_child_that_hangs_is_killed_and_has_settled_nothing():
    assert not await a_child("import time; time.sleep(600)", deadline_s=0.2).settle(SUSPECT)


async def test_a_child_that_does_not_read_does_not_hang_its_parent():
    large = Delivery(body=bytes(10_000_000), format="message.v1")
    assert await a_child("pass").settle(large)
