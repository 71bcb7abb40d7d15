"""The operator's reference says of every field what the schema says of it."""

from pathlib import Path

import pytest

from router.files.section import Section
from router.policy import samples, schema

ROOT = Path(__file__).parents[3]
SECTIONS = [section for section in Section.__subclasses__() if section.__module__ == schema.__name__]
OF_TESTS = [
    part for part in Section.__subclasses__() if part.__module__ == samples.__name__ and part is not samples.TestFile
]


@pytest.mark.parametrize("section", [*SECTIONS, *OF_TESTS], ids=lambda section: section.__name__)
def test_every_field_is_in_the_reference_with_its_description(section: type[Section]):
    lines = (ROOT / "docs/policy.md").read_text().splitlines()
    for name, field in zip(section.known_keys(), section.model_fields.values(), strict=True):
        assert field.description
        assert any(line.startswith(f"| `{name}` |") and line.endswith(f"| {field.description} |") for line in lines), (
            f"docs/policy.md needs a row that begins with | `{name}` | and ends with | {field.description} |"
        )


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_the_commented_policy_mentions_every_field(section: type[Section]):
    manual = (ROOT / "deploy/policy.yaml").read_text()
    missing = [name for name in section.known_keys() if name not in manual]
    assert not missing, f"explain {missing} in a comment of deploy/policy.yaml"
