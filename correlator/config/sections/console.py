"""``[console]``: the web console and API."""

from pathlib import Path

from pydantic import Field

from correlator.config.strict import Strict


class ConsoleSettings(Strict):
    """The web console and API: ``[console]``."""

    port: int = Field(default=0, ge=0, le=65535)
    """Port of the console; 0: none."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    tls_cert: Path | None = None
    """Certificate (PEM, with its chain); needed unless host is 127.0.0.1 or a proxy does TLS."""
    tls_key: Path | None = None
    """Its private key (PEM)."""
    public_url: str = ""
    """Address people type; written into tickets and messages."""
