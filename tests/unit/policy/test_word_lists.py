"""Word lists: whole words in any case and punctuation; a star leaves an end open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.policy.words import WordList, as_words


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("refund", "I want a REFUND!", "refund"),
        ("refund", "It was refunded", None),
        ("refund*", "It was refunded.", "refunded"),
        ("*erstattung*", "Wo sind die Rückerstattungen?", "rückerstattungen"),
        ("data protection", "your data-protection\nofficer", "data protection"),
        ("do not authorise", "I do not, ever, authorise", None),
        ("third time", "the third timer", None),
        ("third time*", "the third timer", "third timer"),
        ("a*", "an apple", "an"),
        ("*e", "an apple pie", "apple"),
        ("kündig*", "Ich ku\u0308ndige", "kündige"),
        ("straße", "STRASSE", "strasse"),
        ("退款", "退款!", "退款"),
        ("*退款*", "请给我退款吧", "请给我退款吧"),
        ("refund", "", None),
    ],
)
def test_a_phrase_is_found_as_whole_words(phrase: str, text: str, found: str | None):
    assert WordList.of([phrase]).first_in(as_words("", text)) == found


def test_the_subject_counts_and_the_first_phrase_of_the_list_is_told():
    assert WordList.of(["court", "lawyer"]).first_in(as_words("My lawyer", "will go to court")) == "court"


def test_only_the_beginning_of_a_very_long_text_is_read():
    assert WordList.of(["refund"]).first_in(as_words("", "x " * 5_000 + "refund")) is None


@pytest.mark.parametrize(
    ("subject", "text", "words"),
    [
        ("Order 7", "Where -- is it?!   NOW...", " order 7 where is it now "),
        ("Größe", "Zu klein…   bitte TAUSCHEN", " grösse zu klein bitte tauschen "),
        ("", "?!", " "),
        ("", "…", " "),
        ("", "", " "),
    ],
)
def test_words_have_a_single_space_around_them(subject: str, text: str, words: str):
    assert as_words(subject, text) == words


@given(st.text(), st.text())
def test_any_text_can_be_searched_for_its_own_words(subject: str, text: str):
    words = as_words(subject, text)
    assert all(WordList.of([word]).first_in(words) for word in words.split())
