"""Reads YAML into plain values, without YAML's surprises. `schema` says what the values should be."""

from collections.abc import Hashable
from typing import Any

import yaml

MAX_BYTES = 256 * 1024


class Unreadable(ValueError):
    """The text is not a document; the message is one sentence, with line and column if known."""


def read_document(text: str) -> object:
    """Read the document into mappings, lists and text; numbers, true and false stay text, and the schema reads them.

    Refuses duplicate keys, aliases (a few lines of them can expand without end) and more than 256 KiB.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise Unreadable(f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise Unreadable(_sentence(error)) from error
    except RecursionError as error:
        raise Unreadable("the file is nested too deeply") from error


class _Loader(yaml.BaseLoader):
    """Loads only text, lists and mappings: `no` is Norwegian, not false, and +15550100 is a phone number."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _problem("aliases are not allowed; write the value out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _problem("a key must be text", key.start_mark)
            if key.value in seen:
                raise _problem(f"the key '{key.value}' appears twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _problem(words: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=words, problem_mark=mark)


def _sentence(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
