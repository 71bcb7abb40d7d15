"""Which names name somebody: not an address, a number, or nothing but signs."""

import pytest

from channels.message import Handle, HandleKind


@pytest.mark.parametrize(
    ("name", "is_learnt"),
    [
        ("Ada Example", True),
        ("O'Hara, Ada", True),
        ("李小龍", True),
        ("Ada (ada@example.com)", True),
        ("Ada 🌸", True),
        ("support", True),
        ("ada@example.com", False),
        ("ADA@Example.com", False),
        ("'other@example.com'", False),
        ("<ada@example.com>", False),
        ("mailto:ada@example.com", False),
        ("+49 151 555001", False),
        ("49151555001", False),
        (".", False),
        ("  ", False),
        ("", False),
        (None, False),
    ],
)
def test_a_name_is_learnt_unless_it_is_only_an_address(name: str | None, is_learnt: bool):
    handle = Handle(kind=HandleKind.EMAIL, value="ada@example.com", name=name)
    assert handle.person == (name if is_learnt else None)


def test_a_platforms_id_in_place_of_a_name_is_no_name():
    assert Handle(kind=HandleKind.USER, scope="webchat", value="visitor-a", name="Visitor-A").person is None
