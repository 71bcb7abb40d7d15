"""The code of the previous release runs on the schema of this one: a rolling update has both at work for a while."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import MIGRATIONS

ROOT = MIGRATIONS.parent
SUITES = ("tests/contract", "tests/acceptance/test_ticket_life.py")
"""What the previous release must still pass: every statement of its stores, and a ticket's life in all of its roles."""
ENDS_WITHIN_S = 900


@pytest.mark.slow
@pytest.mark.timeout(ENDS_WITHIN_S + 60)
def test_the_previous_release_passes_its_tests_on_the_new_schema(server_url: str, broker_url: str, tmp_path: Path):
    release = _previous_release(ROOT) or pytest.skip("nothing has been released before this commit: no tag v*")
    _check_out(release, tmp_path)
    shutil.copytree(MIGRATIONS, tmp_path / "migrations", dirs_exist_ok=True)
    suites = [suite for suite in SUITES if (tmp_path / suite).exists()]
    # `-m` looks in the current folder first, so it is the old code that runs
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *suites]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False)
    assert done.returncode == 0, f"{release} does not run on this schema:\n{done.stdout[-5000:]}{done.stderr[-1000:]}"


def test_the_previous_release_is_the_newest_that_is_not_this_commit(tmp_path: Path):
    _git(tmp_path, "init", "-q")
    for tags in (["v0.9.0"], ["v0.10.0", "v0.2.0-rc1", "very-good"], ["v1.0.0"]):
        _git(tmp_path, *AS_SOMEBODY, "commit", "-q", "--allow-empty", "-m", "a change")
        for tag in tags:
            _git(tmp_path, "tag", tag)
    assert _previous_release(tmp_path) == "v0.10.0"


def test_a_project_without_a_tag_has_no_previous_release(tmp_path: Path):
    _git(tmp_path, "init", "-q")
    _git(tmp_path, *AS_SOMEBODY, "commit", "-q", "--allow-empty", "-m", "a change")
    assert _previous_release(tmp_path) is None


AS_SOMEBODY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")


def _previous_release(checkout: Path) -> str | None:
    """The newest tag `v*` before this commit; skips where git cannot tell."""
    if shutil.which("git") is None or not (checkout / ".git").exists():
        pytest.skip("not a git checkout: nobody knows what was released")
    if _git(checkout, "rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.skip("a shallow clone: `git fetch --unshallow --tags` brings what was released")
    tags = _git(checkout, "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-version:refname", "--list", "v*")
    releases = [tag for tag in tags.decode().split() if tag.removeprefix("v").replace(".", "").isdigit()]
    return releases[0] if releases else None


def _check_out(release: str, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(_git(ROOT, "archive", release))) as archive:
        archive.extractall(folder, filter="data")


def _git(checkout: Path, *arguments: str) -> bytes:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # whoever owns the checkout: in a container it may be somebody else
    command = ["git", "-c", "safe.directory=*", "-C", str(checkout), *arguments]
    return subprocess.run(command, env=clean, capture_output=True, check=True, timeout=60).stdout
