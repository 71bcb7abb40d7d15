"""deploy/Dockerfile, checked without an engine."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
BUILD, FINAL = DOCKERFILE.split("\nFROM ")[1:]


def _copied() -> list[str]:
    return [
        source for line in re.findall(r"^COPY (?!--from)(.+)$", BUILD, re.MULTILINE) for source in line.split()[:-1]
    ]


def test_what_is_copied_is_here_and_not_ignored():
    ignored_but = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert all((ROOT / source).exists() for source in _copied())
    assert sorted(_copied()) == sorted(ignored_but)


def test_everything_that_the_wheel_is_made_of_is_copied():
    shipped = re.search(r"force-include\]\n(.+?)\n\n", (ROOT / "pyproject.toml").read_text(), re.DOTALL)

    assert shipped
    assert {"router", "channels", *re.findall(r'^"?([^"\s]+)"? =', shipped[1], re.MULTILINE)} <= set(_copied())


def test_dependencies_come_from_the_lock_with_hashes():
    assert "pip install --require-hashes -r requirements/run.txt" in BUILD


def test_the_process_is_nobody_special_and_is_asked_for_its_health():
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", FINAL, re.MULTILINE)
    assert "/health/live" in FINAL
    assert 'ENTRYPOINT ["frontdesk"]' in FINAL
