"""The spelling of addresses in which people are found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import handles, numbers

SPELLINGS = [
    ("ADA@Example.COM.", "ada@example.com"),
    ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
    ("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"),  # u and the dots above it
    ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
    ("ada@\uff42ücher\u3002example\u3002", "ada@xn--bcher-kva.example"),  # full width, as typed in East Asia
    ("ada@straße.example", "ada@xn--strae-oqa.example"),
    ("ada@strasse.example", "ada@strasse.example"),
    ("ada@βόλος.example", "ada@xn--nxasmm1c.example"),
    ("ada@βόλοσ.example", "ada@xn--nxasmq6b.example"),
    ("ada@ΒΌΛΟΣ.example", "ada@xn--nxasmq6b.example"),
]
REFUSED = ["☃.example", "B_Ü.example", "ü..example", f"{'ü' * 64}.example", f"{'ü.' * 130}example", "אa.example"]


@pytest.mark.parametrize(("written", "compared"), SPELLINGS)
def test_an_address_is_compared_in_one_spelling(written: str, compared: str):
    assert handles.email(written, "from").value == handles.email_address(written) == compared


@pytest.mark.parametrize(
    "written", ["\N{KELVIN SIGN}im", "K\N{KELVIN SIGN}", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}da"]
)
def test_no_mailbox_beyond_ascii_is_compared_as_one_in_ascii(written: str):
    assert not handles.email(f"{written}@example.com", "from").value.isascii()


@pytest.mark.parametrize("domain", REFUSED)
def test_a_domain_that_cannot_be_is_compared_as_text(domain: str):
    assert handles.email(f"Ada@{domain}", "from").value == f"ada@{domain.lower()}"


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_any_text_has_a_spelling_that_is_its_own(domain: str):
    spelling = handles.email_address(f"ada@{domain}")
    assert handles.email_address(spelling) == spelling


NUMBERS = {
    "phone:+5511999990001": ("+551199990001", "+55 (11) 99999-0001", "0055 11 9999 0001", "551199990001"),
    "phone:+551133330001": ("+551133330001", "55 11 3333 0001"),  # a landline got no ninth digit
    "phone:+541155550001": ("+5491155550001", "+54 11 15 5555-0001", "541155550001", "0054 9 11 5555 0001"),
    "phone:+525555550001": ("+5215555550001", "+52 1 55 5555 0001", "525555550001", "00521 55 5555 0001"),
    "phone:+2290197000001": ("+22997000001", "+229 01 97 00 00 01"),
    "phone:+2250707000001": ("22507000001", "+225 07 07 00 00 01"),
    "phone:+2250141000001": ("+22541000001",),
    "phone:+4930123456": (
        "+49 (0)30 123456",
        "+49\u00a030\u202f12\u201134\u201156",
        "\u202a+4930123456\u202c",
        "\uff0b\uff14\uff1930123456",
        "004930123456",
    ),
}


@pytest.mark.parametrize(("key", "written"), [(key, written) for key in NUMBERS for written in NUMBERS[key]])
def test_a_number_is_found_in_every_spelling(key: str, written: str):
    assert handles.typed(written).key == key
    assert numbers.canonical(key.removeprefix("phone:")) == key.removeprefix("phone:")


@pytest.mark.parametrize("written", ["+551199990001", "+5491155550001", "+5215555550001"])
def test_a_number_stays_as_the_provider_wrote_it_for_answers(written: str):
    assert handles.phone(written, "from").value == written


@pytest.mark.parametrize(
    ("account", "written", "value"),
    [
        ("+493000000001", "0030 210 1234567", "+302101234567"),
        ("+493000000001", "030 12345678", "+493012345678"),
        ("+12025550100", "004930123456", "+4930123456"),  # who dials 011 abroad may still write 00
        ("+6531585858", "00149301234567", "+49301234567"),  # Singapore dials 001 and means Germany
        ("+541155550100", "011 15 5555-0001", "+5491155550001"),
    ],
)
def test_a_number_without_plus_is_read_as_its_country_dials(account: str, written: str, value: str):
    assert handles.phone(written, "from", account=account).value == value


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_the_canonical_spelling_of_a_number_is_its_own(number: str):
    assert numbers.canonical(numbers.canonical(number)) == numbers.canonical(number)
