"""Where the demonstration takes place, and what is left of those that were killed."""

import os
from pathlib import Path

import pytest

from router.demo import place


@pytest.fixture(autouse=True)
def roomy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(place, "_ROOMY", str(tmp_path))
    return tmp_path


def a_folder(roomy: Path, name: str) -> Path:
    """One that is an hour old."""
    (roomy / name / "data").mkdir(parents=True)
    hour_ago = (roomy / name).stat().st_mtime - 3600
    os.utime(roomy / name, (hour_ago, hour_ago))
    return roomy / name


def test_nothing_is_left_of_a_demonstration_that_has_ended_or_was_killed(roomy: Path):
    killed = a_folder(roomy, "frontdesk-demo-1-x")
    with place.temporary_folder() as folder:
        assert folder.is_dir()
        assert not killed.exists()
    assert list(roomy.iterdir()) == []


def test_a_demonstration_at_work_keeps_its_folder(roomy: Path):
    with place.temporary_folder() as first:
        os.utime(first, (0, 0))
        with place.temporary_folder():
            assert first.is_dir()


def test_a_folder_of_something_else_or_that_has_just_been_made_stays(roomy: Path):
    other = a_folder(roomy, "frontdesk-other")
    new = roomy / "frontdesk-demo-2-x"
    new.mkdir()
    with place.temporary_folder():
        assert other.is_dir()
        assert new.is_dir()
