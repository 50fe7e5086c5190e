"""The base of every section of the settings: frozen, unknown keys refused.

The text below a key is its documentation; ``harness.reference`` reads it from the source, no start does.
"""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A section of ``tocsin.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def known_zone(value: str) -> str:
    """Return ``value`` when it is an IANA time zone; raises ValueError with what would be right."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        message = f"unknown time zone {value!r}; use an IANA name such as Europe/Paris"
        raise ValueError(message) from None
    return value


def without_password(value: str) -> str:
    """Return the URL ``value`` when it holds no password; raises ValueError with where one belongs."""
    if ":" in value.partition("://")[2].rpartition("@")[0]:
        raise ValueError("a password does not belong into settings; write it into ~/.pgpass of the user who runs Tocsin")
    return value


def https_url(url: str) -> str:
    """Return an address; in the clear only to this machine, for tests and tunnels."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}):
        return url.rstrip("/")
    raise ValueError(f"{url!r} must begin with https://")
