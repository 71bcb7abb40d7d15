"""Reads phone numbers, and gives each the one spelling in which its owner is found again. `handles` makes handles."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers

CACHED = 8192
"""Spellings remembered; the same few thousand people write again and again."""

_SHAPED = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}", re.ASCII)
_INTERNATIONAL = re.compile(r"00[ ()./-]*(?=[1-9])")
"""The prefix that the ITU recommends for calls abroad (E.164). A few countries dial another one."""

_NOT_ASCII = {"Zs": " ", "Pd": "-", "Cf": ""}
"""What phones and browsers put into a number that is copied: spaces, dashes, and marks of direction."""

# Each number has two spellings in use: the national plan changed, or writes mobile numbers in its own way. WhatsApp's
# ids keep the one that was valid when their owner registered.
_REWRITTEN = tuple(
    (re.compile(pattern), canonical)
    for pattern, canonical in (
        # Brazil: mobile numbers got a ninth digit from 2012 to 2016; landlines begin with 2 to 5
        (r"\+55([1-9]{2})([6-9][0-9]{7})", r"+55\g<1>9\2"),
        # Argentina: a 9 after 54 for mobile numbers, written from abroad and in WhatsApp's ids
        (r"\+549([0-9]{10})", r"+54\1"),
        # Mexico: a 1 after 52 for mobile numbers, until 2019
        (r"\+521([0-9]{10})", r"+52\1"),
        # Benin: every number got 01 in front in 2024
        (r"\+229([0-9]{8})", r"+22901\1"),
        # Ivory Coast: mobile numbers got their operator's two digits in front in 2021, by the second digit
        (r"\+225([04-9][0-3][0-9]{6})", r"+22501\1"),
        (r"\+225([04-9][4-6][0-9]{6})", r"+22505\1"),
        (r"\+225([04-9][7-9][0-9]{6})", r"+22507\1"),
    )
)


@lru_cache(maxsize=CACHED)
def canonical(number: str) -> str:
    """Return the spelling in which a number in E.164 is compared; two spellings of one number have the same."""
    for pattern, spelling in _REWRITTEN:
        if found := pattern.fullmatch(number):
            return found.expand(spelling)
    return number


def e164(value: str, region: str | None = None) -> str | None:
    """Return a number as `+` and digits (ITU-T E.164), or None if it cannot be a number.

    A national rewriting stays as it was written, so that an answer goes to the number that the provider knows; it is
    `canonical` that compares. Without `+` or `00`, the number is read as dialled in `region`.
    """
    plain = value if value.isascii() else _in_ascii(value)
    return _e164(plain, region) if _SHAPED.fullmatch(plain) else None


def dialled(value: str) -> str | None:
    """Return a number that a person looks for, with or without `+`: platforms write their ids without."""
    return e164(value) or e164(f"+{value}")


@lru_cache(maxsize=1024)
def region_of(account: str) -> str | None:
    """Return the country of an account that is a number."""
    number = e164(account)
    return phonenumbers.region_code_for_number(phonenumbers.parse(number)) if number else None


@lru_cache(maxsize=CACHED)
def _e164(value: str, region: str | None) -> str | None:
    if not (prefix := _INTERNATIONAL.match(value)):
        return _parsed(value, region)
    number = _parsed(f"+{value[prefix.end() :]}", None)
    # The country of the account may dial abroad in another way; then 00 is the start of something else.
    if number and phonenumbers.is_valid_number(phonenumbers.parse(canonical(number))):
        return number
    return _parsed(value, region) or number


def _parsed(value: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(value, region)
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        possible = phonenumbers.is_possible_number(phonenumbers.parse(canonical(written)))
    except phonenumbers.NumberParseException:
        return None
    return written if possible else None


def _in_ascii(value: str) -> str:
    folded = unicodedata.normalize("NFKC", value[:64])
    return "".join(_NOT_ASCII.get(unicodedata.category(character), character) for character in folded)
