import pytest

from router.domain.mail_token import make_token, read_token, token_message_id

SECRET = b"a sample secret"
TOKEN = make_token(SECRET, 7, 19)


@pytest.mark.parametrize("carried", [TOKEN, TOKEN.upper(), token_message_id(TOKEN, "mail.example")])
def test_token_leads_back_to_its_conversation(carried):
    assert read_token(SECRET, carried).conversation_id == 7


@pytest.mark.parametrize(
    "carried",
    [
        "",
        "fd.7.19",
        "fd.8.19." + TOKEN[-16:],
        "fd.7.20." + TOKEN[-16:],
        "fd.07.19." + TOKEN[-16:],
        "x" + TOKEN,
        TOKEN + "0",
        TOKEN[:-16] + "é" * 16,
        "fd." + "9" * 5000 + ".1." + TOKEN[-16:],
        make_token(b"another secret", 7, 19),
    ],
)
def test_forged_or_foreign_token_leads_nowhere(carried):
    assert read_token(SECRET, carried) is None
