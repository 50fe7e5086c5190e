"""``[console]``: the web console and API."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, model_validator

from correlator.config.strict import Strict


class ConsoleSettings(Strict):
    """The web console and API: ``[console]``."""

    port: int = Field(default=0, ge=0, le=65535)
    """Port of the console; 0: none."""
    host: str = "127.0.0.1"
    """Address to listen on; another one than 127.0.0.1 needs ``tls_cert`` and ``tls_key``, or ``behind_proxy``."""
    tls_cert: Path | None = None
    """Certificate (PEM, with its chain); needed unless host is 127.0.0.1 or a proxy does TLS."""
    tls_key: Path | None = None
    """Its private key (PEM)."""
    behind_proxy: bool = False
    """A proxy on this machine does TLS and says who asks (``X-Forwarded-For``, ``X-Forwarded-Proto``)."""
    public_url: str = ""
    """Address people type; written into tickets and messages."""
    idle_hours: float = Field(default=8, gt=0, le=24)
    """A session ends after this long without a click."""
    session_hours: float = Field(default=24, gt=0, le=168)
    """A session ends after this long in any case."""

    @model_validator(mode="after")
    def _check_tls(self) -> "ConsoleSettings":
        """Passwords never cross a network in the clear."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both, or neither")
        if not (self.is_local or self.tls_cert or self.behind_proxy):
            raise ValueError(f"{self.host} without TLS: give tls_cert and tls_key, or behind_proxy = true, or host 127.0.0.1")
        return self

    @property
    def is_local(self) -> bool:
        """Say whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_encrypted(self) -> bool:
        """Say whether browsers speak TLS to it: cookies are then marked so."""
        return self.tls_cert is not None or self.behind_proxy
