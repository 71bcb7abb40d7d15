"""What `make` installs into, on a machine where the first try was cut short."""

import os
import shutil
import subprocess
from pathlib import Path

MAKEFILE = Path(__file__).parents[3] / "Makefile"
CUT_SHORT = "mkdir -p .venv/bin && ln -s /bin/false .venv/bin/python && exit 1"
WHOLE = "mkdir -p .venv/bin && ln -sf /bin/true .venv/bin/python"


def test_a_virtual_environment_that_was_cut_short_is_made_anew(tmp_path: Path):
    checkout = _checkout(tmp_path)
    assert _make(checkout, python=CUT_SHORT) != 0
    assert _make(checkout, python=WHOLE) == 0


def test_one_that_is_whole_is_kept(tmp_path: Path):
    checkout = _checkout(tmp_path)
    assert _make(checkout, python=WHOLE) == 0
    (checkout / "requirements" / "uv.txt").write_text("another version")
    assert _make(checkout, python="exit 1") == 0


def _checkout(folder: Path) -> Path:
    (folder / "requirements").mkdir()
    (folder / "requirements" / "uv.txt").touch()
    shutil.copy(MAKEFILE, folder)
    return folder


def _make(checkout: Path, *, python: str) -> int:
    """Make the part that needs no network, with this for the system's Python; returns the exit code."""
    stand_in = checkout / "python3"
    stand_in.write_text(f"#!/bin/sh\n{python}\n")
    stand_in.chmod(0o755)
    environment = {**os.environ, "PATH": f"{checkout}:{os.environ['PATH']}"}
    return subprocess.run(["make", ".venv/uv"], cwd=checkout, env=environment, timeout=30, check=False).returncode
