"""Reads the policy file. `router.policy` parses the text."""

from pathlib import Path

from router.policy.parse import PolicyError


def read_policy(path: Path) -> str:
    """Return the text of a policy file; raises `PolicyError` if it cannot be read."""
    try:
        return path.read_text()
    except OSError as exc:
        raise PolicyError([f"cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise PolicyError(["is not UTF-8"]) from exc
