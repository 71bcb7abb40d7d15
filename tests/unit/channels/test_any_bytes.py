"""Whatever bytes arrive, a parser returns messages that can be stored or says `Malformed`."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import formats, handles
from channels.errors import Malformed
from channels.message import MalformedPart, Parsed

PAYLOADS = Path(__file__).parents[2] / "payloads"
SAMPLES = {name: [path.read_bytes() for path in sorted((PAYLOADS / name).iterdir())] for name in formats.FORMATS}
NASTY = [
    b"\x00",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xed\xa0\x80",
    b"(",
    b'"',
    b"=?utf-8?b?",
    b"[",
    b"{",
    b"\n\n",
    b"%00",
]


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    raw = draw(st.sampled_from(SAMPLES[name]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 30)))
        raw = raw[:start] + draw(st.one_of(st.binary(max_size=8), st.sampled_from(NASTY))) + raw[end:]
    return raw


@pytest.mark.parametrize("name", formats.FORMATS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_malformed(name: str, data: st.DataObject):
    raw = data.draw(st.one_of(mutated(name), st.binary(max_size=300)))
    try:
        parsed = formats.parse(
            name, raw, data.draw(st.sampled_from([None, "Desk@Acme.example", " whatsapp:+4930123456 "]))
        )
    except Malformed as refused:
        parsed = Parsed(malformed=(MalformedPart(field=refused.field, problem=refused.problem),))
    assert all(part.field and part.problem for part in parsed.malformed)
    for message in parsed.messages:
        stored = [message.external_id, message.account, message.subject or "", message.text, message.sender.value]
        stored += [
            *message.attributes.values(),
            message.sender.name or "",
            *(file.name for file in message.attachments),
        ]
        assert "\x00" not in "".join(stored)
        assert "".join(stored).encode()
        assert message.fingerprint
        assert message.account == handles.account(message.account)


@pytest.mark.parametrize("name", formats.FORMATS)
def test_every_sample_of_ours_is_taken_in(name: str):
    for raw in SAMPLES[name]:
        assert formats.parse(name, raw, None).messages
