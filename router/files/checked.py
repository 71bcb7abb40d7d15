"""Turns the text of a file into what it describes, or into sentences that say what is wrong. Reads no files."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from router.domain.errors import Misconfigured
from router.files.document import Unreadable, read_document
from router.files.wording import sentence

M = TypeVar("M", bound=BaseModel)


class FileError(Misconfigured):
    """The file cannot be used; each sentence in `problems` starts with the place in the file."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def read(text: str, model: type[M]) -> M:
    """Return the document as the model. Raises `FileError` with every fault of shape."""
    try:
        document = read_document(text)
    except Unreadable as error:
        raise FileError([str(error)]) from error
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise FileError(sentence(problem, document) for problem in error.errors()) from error
