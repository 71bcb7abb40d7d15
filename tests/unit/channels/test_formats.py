"""What the table of formats says beside how to read each of them."""

import pytest

from channels.formats import routing_key


@pytest.mark.parametrize(
    ("channel", "format_", "key"),
    [
        ("email", "message.v1", "email.message.v1"),
        ("email", "email.rfc822", "email.rfc822"),
        ("social", "sms.twilio", "social.sms.twilio"),
        ("unknown", "message.v1", "unknown.message.v1"),
    ],
)
def test_a_routing_key_is_the_channel_and_the_format_and_says_neither_twice(channel, format_, key):
    assert routing_key(channel, format_) == key
