"""What triage looks at in a text. It is read when a payload is opened, before policy and customer are known.

`classify` weighs it.
"""

import re

from router.domain.triage import Gist
from router.policy.words import READ_CHARACTERS, as_words

# A question mark inside a word belongs to a link; several in a row are one question.
_QUESTION = re.compile(r"\?(?![\w?])")
# A shorter text may be an abbreviation.
_SHOUTED_CHARACTERS = 20


def gist_of(subject: str, text: str) -> Gist:
    """Return the words of subject and text, and the text's length, questions and capitals."""
    return Gist(
        words=as_words(subject, text),
        characters=len(text),
        questions=_questions(text[:READ_CHARACTERS]),
        in_capitals=len(text) >= _SHOUTED_CHARACTERS and text.isupper(),
    )


def _questions(text: str) -> int:
    return len(_QUESTION.findall(text.replace("\N{FULLWIDTH QUESTION MARK}", "?")))
