"""The README speaks of commands, settings, endpoints, files and states that exist."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from channels.formats import validate
from router.__main__ import cli
from router.domain.ticket import ARROWS
from router.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/operations.md",
    "docs/architecture.md",
    "docs/assignment.md",
    "docs/api.md",
    "docs/glossary.md",
    "docs/integrations.md",
    "docs/policy.md",
    "docs/settings.md",
]
README = (ROOT / "README.md").read_text()
CODE = re.compile(r"`(\w[\w./-]*\.(?:py|sql|yaml|yml|txt|md|json))(?:: ([\w.]+))?`")


def test_the_state_diagram_has_exactly_the_legal_arrows():
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)", README, re.MULTILINE))

    assert drawn == {(state.value, after.value) for state, others in ARROWS.items() for after in others}


def test_the_sample_message_would_be_taken_in():
    [body] = re.findall(r"-d '(\{\n.+?\})'", README, re.DOTALL)

    assert validate("message.v1", body.encode()) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document):
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text())
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (ROOT / document).parent.joinpath(target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document):
    targets = re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / document).read_text(), re.MULTILINE)
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert set(targets) <= set(known)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_exist(document):
    named = re.findall(rf"`({PREFIX}[A-Z_]+[A-Z])[`=]", (ROOT / document).read_text())
    known = {PREFIX + field.upper() for field in Settings.model_fields}

    assert {name for name in named if not name.startswith(f"{PREFIX}TEST_")} <= known


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md"])
def test_code_that_is_named_is_there(document):
    named = CODE.findall((ROOT / document).read_text())

    assert [place for place in named if not _is_there(*place)] == []


def _is_there(path: str, name: str) -> bool:
    """Whether this file is in the repository, in `router/` or in `docs/`, and has the last word of the name."""
    files = [folder / path for folder in (ROOT, ROOT / "router", ROOT / "docs") if (folder / path).is_file()]
    return any(re.search(rf"\b{name.rpartition('.')[2]}\b", file.read_text()) for file in files)


def _commands() -> set[str]:
    """Every command line that the documents show, up to the first argument."""
    text = "\n".join((ROOT / document).read_text().replace("\\\n", "") for document in DOCUMENTS)
    return set(re.findall(r"(?:^|`|/|\(|exec api )frontdesk ((?:[a-z]+)(?: [a-z]+)?)", text, re.MULTILINE))


@pytest.mark.parametrize("command", sorted(_commands()))
def test_commands_exist(command):
    first, _, second = command.partition(" ")
    groups = {group.name for part in cli.registered_groups for group in part.typer_instance.registered_groups}
    line = [first, second] if first in groups and second else [first]

    assert CliRunner().invoke(cli, [*line, "--help"]).exit_code == 0
