"""The base of every mapping in a file."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A mapping in the file; an unknown key is refused with a list of the known ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, value: Any) -> Any:
        known = cls.known_keys()
        unknown = [key for key in value if key not in known] if isinstance(value, dict) else []
        if unknown:
            raise ValueError(f"unknown key '{unknown[0]}'; known keys are {', '.join(known)}")
        return value

    @classmethod
    def known_keys(cls) -> tuple[str, ...]:
        """Return the keys as they appear in the file."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())
