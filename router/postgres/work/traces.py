"""How an address of a customer's may stand in payloads of any format. Leaves looking for it to PostgreSQL."""

import re

# What an address may follow: nothing that would make it part of a longer one, but an escape of a form or of JSON may.
_ESCAPE = r"|%[0-9a-f]{2}|\\[nrt]"


def trace(kind: str, value: str) -> str:
    r"""Return a regular expression of PostgreSQL's for `lower(encode(body, 'escape'))`.

    It finds the address in any case, percent-encoded as forms have it, and a number without its `+`, but never inside
    a longer one: who erases da@example.com leaves ada@example.com alone.
    """
    match kind:
        case "email":
            local, _, domain = value.rpartition("@")
            ends = r"$|[^a-z0-9.-]|\.($|[^a-z0-9])"
            return f"(^|[^a-z0-9._+-]{_ESCAPE}){_literal(local)}(@|%40){_literal(domain)}({ends})"
        case "phone":
            return f"(^|[^0-9]{_ESCAPE}){_literal(value.removeprefix('+'))}($|[^0-9])"
        case _:  # an id may be as short as 7: it counts as a whole value of JSON or of a form only
            return f'["=]{_literal(value)}($|["&])'


def _literal(text: str) -> str:
    escaped = "".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in text.encode().replace(b"\\", b"\\\\"))
    return re.escape(escaped.lower()).replace(r"\+", r"(\+|%2b)")
