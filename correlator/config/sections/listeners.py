"""``[[listener]]``: an open port that takes records."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from correlator.config.strict import Strict


class ListenerSettings(Strict):
    """One listening port: ``[[listener]]``."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name of the source its records bear; unique among sources and listeners."""
    kind: Literal["syslog-udp", "syslog-tcp", "syslog-tls", "http"]
    """What is spoken there."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all."""
    port: int = Field(ge=1, le=65535)
    """Port."""
    tls_cert: Path | None = None
    """Certificate (PEM, with its chain)."""
    tls_key: Path | None = None
    """Its private key (PEM)."""
