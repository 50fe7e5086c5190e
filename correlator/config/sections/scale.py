"""``[kafka]``: the roles on Kafka and PostgreSQL."""

from pathlib import Path

from pydantic import Field

from correlator.config.strict import Strict


class KafkaSettings(Strict):
    """The broker, when one machine is not enough: ``[kafka]``."""

    bootstrap: str = ""
    """``host:port`` of brokers, comma separated; empty: no Kafka."""
    group: str = Field(default="default", pattern=r"^[A-Za-z0-9_.-]+$")
    """Part of the raw topic's name: ``tocsin.raw.<group>``."""
    partitions: int = Field(default=12, ge=1, le=256)
    """Partitions of the raw and the detections topic; never changed once records are there."""
    replicas: int = Field(default=0, ge=0, le=7)
    """Copies of each partition; 0: three where there are three brokers or more, else one."""
    retention_days: float = Field(default=7, gt=0)
    """How long raw records and detections stay in the log."""
    user: str = ""
    """Name for SASL_SSL with SCRAM-SHA-512; empty: no authentication."""
    password_env: str = ""
    """Environment variable that holds the password of ``user``."""
    password_file: Path | None = None
    """File that holds it instead; readable by this user only."""
    ca: Path | None = None
    """Certificate authority (PEM) of the brokers; set: TLS."""
    transaction_timeout_s: float = Field(default=60, ge=1, le=900)
    """After this the broker gives up a transaction of a worker that vanished; readers wait that long for it."""
