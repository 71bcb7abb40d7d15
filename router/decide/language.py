"""Which language a text is in, by py3langid. The model is part of the program: loading it is explicit and done once."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# Shorter texts carry too little evidence; longer ones only cost time (0.3 µs a character).
MIN_CHARACTERS = 20
READ_CHARACTERS = 64

# Against all the languages of the model, an order number scores 0.1 and hasty chat among typos 0.35 or more.
MIN_CONFIDENCE = 0.3


def language_of(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """The ISO 639 code of the text's language if it is one of `languages` (empty: any); None if not, or in doubt.

    Every language of the model competes, so that Dutch is not taken for German where only German is asked for.
    """
    if len(text) < MIN_CHARACTERS:
        return None
    language: str
    language, confidence = load_languages().classify(text[:READ_CHARACTERS])
    if confidence < MIN_CONFIDENCE or (languages and language not in languages):
        return None
    return language


@cache
def load_languages() -> LanguageIdentifier:
    """Load the model; the first time takes half a second, so call it before the first message arrives."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
