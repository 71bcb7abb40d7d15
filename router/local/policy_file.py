"""Reads the policy file. Leaves what its text means to `router.policy`."""

from pathlib import Path

from router.policy.parse import PolicyError


def read_policy(path: Path) -> str:
    """The text of a policy file; raises `PolicyError` if it has none."""
    try:
        return path.read_text()
    except OSError as exc:
        raise PolicyError([f"cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise PolicyError(["is not UTF-8"]) from exc
