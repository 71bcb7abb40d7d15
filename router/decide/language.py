"""Which language a text is in, by py3langid. The model is part of the program: loading it is explicit and done once."""

from copy import copy
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# Shorter texts carry too little evidence; longer ones only cost time (about 0.1 µs a character).
MIN_CHARACTERS = 20
READ_CHARACTERS = 128

# Among four languages an order number scores 0.45, a text in a fifth language 0.6, a real sentence above 0.95.
MIN_CONFIDENCE = 0.9


def language_of(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """The ISO 639 code of the text's language among `languages` (empty: all that are known); None if in doubt."""
    if len(text) < MIN_CHARACTERS:
        return None
    language, confidence = load_languages(languages).classify(text[:READ_CHARACTERS])
    return language if confidence >= MIN_CONFIDENCE else None


@lru_cache(maxsize=4)
def load_languages(languages: tuple[str, ...] = ()) -> LanguageIdentifier:
    """Load what telling these languages apart needs; the first time takes a second, so call it before any message.

    Languages that the model does not know are left out: only a provider's hint can name them.
    """
    identifier = copy(_whole_model())
    known = [language for language in languages if language in identifier.nb_classes]
    identifier.set_languages(known or None)
    return identifier


@lru_cache(maxsize=1)
def _whole_model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
