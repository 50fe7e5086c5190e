"""The base of every section of the settings: frozen, unknown keys refused, docstrings are the documentation."""

from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A section of ``tocsin.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def known_zone(value: str) -> str:
    """Return ``value`` when it is an IANA time zone; raises ValueError with what would be right."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        message = f"unknown time zone {value!r}; use an IANA name such as Europe/Paris"
        raise ValueError(message) from None
    return value
