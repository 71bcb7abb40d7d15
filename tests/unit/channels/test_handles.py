"""The spelling of addresses in which people are found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import handles

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
