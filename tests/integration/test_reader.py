"""Payloads are read in a process of their own: what one does to its reader is done to no other payload."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from channels.formats import FORMATS, parse
from router.domain.errors import Unavailable
from router.flow.intake.opening import Opened, Opener
from router.flow.run.bus import Delivery
from router.local import reader as module
from router.local.frames import framed
from router.local.reader import ReaderProcess
from tests.faults import planted_reader
from tests.faults.planted_reader import CLOSES_INPUT, CLOSES_OUTPUT, FLOODS, HANGS, KILLS, KILLS_ONCE, PRINTS
from tests.making.running import running

SECRET = b"sample secret"
LANGUAGES = ("en", "de")
SAMPLES = Path(__file__).parent.parent / "payloads"
MAIL = b"From: ada@example.com\r\nMessage-ID: <%s@mail.example>\r\nSubject: Parcel\r\n\r\nWhere is my parcel? %s\n"
READ_WITHIN_S = 60


def a_mail(text: bytes = b"Thank you.", number: int = 1) -> Delivery:
    return Delivery(body=MAIL % (b"%d" % number, text), format="email.rfc822", account="support@acme.example")


@asynccontextmanager
async def a_reader(**options: Any) -> AsyncIterator[ReaderProcess]:
    reader = ReaderProcess(SECRET, lambda: LANGUAGES, command=planted_reader.COMMAND, **options)
    await reader.start()
    async with running(reader.run()), asyncio.timeout(READ_WITHIN_S):
        yield reader


async def open_all(reader: ReaderProcess, *deliveries: Delivery) -> list[Opened]:
    return await asyncio.gather(*map(reader.open, deliveries))


def subjects(opened: list[Opened]) -> list[str | None]:
    """The subject of each, or what is wrong with it."""
    return [
        each.flaw.reason if each.flaw else ",".join(arrival.message.subject or "" for arrival in each.arrivals)
        for each in opened
    ]


async def test_every_sample_is_read_as_it_would_be_here():
    samples = [
        Delivery(body=path.read_bytes(), format=folder, account="support@acme.example")
        for folder in FORMATS
        for path in sorted((SAMPLES / folder).iterdir())
    ]
    here = Opener(parse, SECRET, lambda: LANGUAGES)
    async with a_reader() as reader:
        opened = await open_all(reader, *samples)
    assert len(opened) >= len(FORMATS)
    assert opened == [here.open(sample) for sample in samples]


@pytest.mark.parametrize("harm", [KILLS, HANGS, FLOODS, CLOSES_OUTPUT])
async def test_a_payload_that_harms_its_reader_is_unreadable_and_its_neighbours_are_read(harm: bytes):
    async with a_reader(deadline_s=5.0) as reader:
        opened = await open_all(reader, *(a_mail(harm if n == 2 else b"", n) for n in range(5)))
        assert subjects(opened) == ["Parcel", "Parcel", "cannot_be_read", "Parcel", "Parcel"]
        assert subjects(await open_all(reader, a_mail())) == ["Parcel"]


async def test_a_reader_that_ends_by_chance_is_replaced_and_nobody_is_blamed(tmp_path: Path):
    by_chance = KILLS_ONCE + str(tmp_path / "once").encode()
    async with a_reader() as reader:
        opened = await open_all(reader, a_mail(), a_mail(by_chance, 2), a_mail(number=3))
    assert subjects(opened) == ["Parcel"] * 3


async def test_what_a_library_prints_is_not_taken_for_an_answer():
    async with a_reader() as reader:
        assert subjects(await open_all(reader, a_mail(PRINTS), a_mail(number=2))) == ["Parcel"] * 2


async def test_what_comes_while_it_reads_is_read_next(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BEAT_EVERY_S", 3600)
    async with a_reader() as reader:
        first = reader.open(a_mail())
        await asyncio.sleep(0)  # it is being read
        rest = [reader.open(a_mail(number=n)) for n in range(2, 120)]
        assert subjects(await asyncio.gather(first, *rest)) == ["Parcel"] * 119


async def test_whoever_asked_and_went_away_holds_nobody_up():
    async with a_reader() as reader:
        reader.open(a_mail()).cancel()
        assert subjects(await open_all(reader, a_mail(number=2))) == ["Parcel"]


@pytest.mark.parametrize(
    ("beat_every_s", "deliveries"),
    [pytest.param(0.01, [], id="while it waits"), pytest.param(3600, [a_mail()], id="once it has read")],
)
async def test_a_reader_says_that_it_works(monkeypatch: pytest.MonkeyPatch, beat_every_s, deliveries):
    monkeypatch.setattr(module, "BEAT_EVERY_S", beat_every_s)
    said = asyncio.Event()
    async with a_reader(on_success=said.set) as reader:
        await open_all(reader, *deliveries)
        await said.wait()


async def test_a_reader_that_cannot_start_says_so_in_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    reader = ReaderProcess(SECRET, lambda: LANGUAGES, command=(sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(Unavailable, match="the process that reads payloads ended before it answered"):
        await reader.start()


Fault = Callable[[ReaderProcess], object]
NewLoop = Callable[[], asyncio.AbstractEventLoop]


def kill(reader: ReaderProcess) -> None:
    os.kill(pid_of(reader), signal.SIGKILL)


def kill_and_wait(reader: ReaderProcess) -> None:
    """Kill it before our loop can notice."""
    watching = os.pidfd_open(pid_of(reader))
    kill(reader)
    select.select([watching], [], [])
    os.close(watching)


def close_input(reader: ReaderProcess) -> None:
    assert reader._process is not None
    reader._process._process.stdin.close()


def close_output(reader: ReaderProcess) -> None:
    assert reader._process is not None
    reader._process._process._transport.get_pipe_transport(1).close()


def pid_of(reader: ReaderProcess) -> int:
    assert reader._process is not None
    return reader._process._process.pid


FAULTS = [kill, kill_and_wait, close_input, close_output]
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open is Linux's")
@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_reader_lost_while_idle_is_replaced_and_nobody_is_blamed(fault: Fault, new_loop: NewLoop):
    async def lose_while_idle() -> None:
        async with a_reader(deadline_s=5.0) as reader:
            for number in range(3):
                fault(reader)
                assert subjects(await open_all(reader, a_mail(number=number))) == ["Parcel"]

    run(lose_while_idle(), new_loop)


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open is Linux's")
@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_reader_lost_while_busy_reads_everything_all_the_same(fault: Fault, new_loop: NewLoop):
    async def lose_while_busy() -> None:
        async with a_reader(deadline_s=5.0) as reader:
            opening = [reader.open(a_mail(bytes(20_000), n)) for n in range(100)]
            await asyncio.sleep(0)
            fault(reader)
            assert subjects(await asyncio.gather(*opening)) == ["Parcel"] * 100

    run(lose_while_busy(), new_loop)


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open is Linux's")
@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_reader_lost_while_it_starts_is_started_again(fault: Fault, new_loop: NewLoop):
    async def lose_while_starting() -> None:
        reader = ReaderProcess(SECRET, lambda: LANGUAGES, command=planted_reader.COMMAND)
        starting = asyncio.ensure_future(reader.start())
        while reader._process is None:
            await asyncio.sleep(0)
        fault(reader)
        await starting
        async with running(reader.run()):
            assert subjects(await open_all(reader, a_mail())) == ["Parcel"]

    run(lose_while_starting(), new_loop)


@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
def test_a_reader_that_reads_no_more_after_its_answer_is_replaced(new_loop: NewLoop):
    async def close_its_input() -> None:
        async with a_reader() as reader:
            for number in range(4):
                opened = await open_all(reader, a_mail(b"" if number % 2 else CLOSES_INPUT, number))
                assert subjects(opened) == ["Parcel"]

    run(close_its_input(), new_loop)


def run(work: Coroutine[Any, Any, None], new_loop: NewLoop) -> None:
    """In a loop of its own, as a process has one; aiohttp's and asyncio's pipes differ from those of uvloop."""
    with ThreadPoolExecutor(1) as thread, asyncio.Runner(loop_factory=new_loop) as runner:
        thread.submit(runner.run, work).result(READ_WITHIN_S)


def serve_without_parent(sent: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the process behind a reader, whose parent sends this, goes away, and reads no answer."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as nobody_reads:
        return subprocess.run(module.COMMAND, input=sent, stdout=nobody_reads, stderr=subprocess.PIPE, timeout=60)


REQUEST = (LANGUAGES, [(MAIL % (b"1", b""), "email.rfc822", "support@acme.example")])


@pytest.mark.parametrize(
    "sent",
    [b"", framed(SECRET)[:5], framed(SECRET), framed(SECRET) + framed(REQUEST)[:50], framed(SECRET) + framed(REQUEST)],
    ids=["nothing", "half a secret", "a secret", "half a request", "a request"],
)
def test_a_reader_whose_parent_has_gone_ends_without_a_word(sent: bytes):
    ended = serve_without_parent(sent)
    assert (ended.returncode, ended.stderr) == (0, b"")


PARENT = """
import asyncio
from router.local.reader import ReaderProcess

async def main():
    reader = ReaderProcess(b"sample secret", lambda: ("en",))
    await reader.start()
    print(reader._process._process.pid, flush=True)
    await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
async def test_the_reader_ends_with_its_parent_however_that_dies():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(READ_WITHIN_S):
        reader = int(await parent.stdout.readline())
        watching = os.pidfd_open(reader)
        parent.kill()
        await parent.wait()
        ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(watching, lambda: ended.done() or ended.set_result(None))
        await ended
    asyncio.get_running_loop().remove_reader(watching)
    os.close(watching)
    assert parent.returncode == -signal.SIGKILL
