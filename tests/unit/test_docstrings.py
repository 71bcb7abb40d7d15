"""Docstrings say what a thing does, not what it leaves to others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.relative_to(ROOT) for place in ("channels", "router") for path in (ROOT / place).rglob("*.py"))
LEAVES = re.compile(r"\bLeaves\b(?! out)[^.]*\bto\b")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_docstrings_say_what_a_thing_does_and_not_what_it_leaves_to_others(module: Path):
    assert [text for text in docstrings(module) if LEAVES.search(text)] == []


def docstrings(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
