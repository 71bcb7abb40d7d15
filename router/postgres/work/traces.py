"""Patterns for the ways in which a customer's address may appear in payloads of any format. PostgreSQL searches."""

import re

# What may come before an address: nothing that would make it part of a longer one, but a form's or JSON's escape may.
_ESCAPE = r"|%[0-9a-f]{2}|\\[nrt]"


def trace(kind: str, value: str) -> str:
    r"""Return a regular expression of PostgreSQL's for `lower(encode(body, 'escape'))`.

    It finds the address in any case, percent-encoded as in forms, and a number without its `+`, but never inside a
    longer one: erasing da@example.com does not touch ada@example.com.
    """
    match kind:
        case "email":
            local, _, domain = value.rpartition("@")
            ends = r"$|[^a-z0-9.-]|\.($|[^a-z0-9])"
            return f"(^|[^a-z0-9._+-]{_ESCAPE}){_literal(local)}(@|%40){_literal(domain)}({ends})"
        case "phone":
            return f"(^|[^0-9]{_ESCAPE}){_literal(value.removeprefix('+'))}($|[^0-9])"
        case _:  # an id may be as short as 7, so it counts only as a whole value in JSON or a form
            return f'["=]{_literal(value)}($|["&])'


def _literal(text: str) -> str:
    escaped = "".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in text.encode().replace(b"\\", b"\\\\"))
    return re.escape(escaped.lower()).replace(r"\+", r"(\+|%2b)")
