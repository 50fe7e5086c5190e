"""``[[collector]]``: sources that must be asked: clouds, buckets, brokers."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from correlator.config.estate_values import MaybeDuration
from correlator.config.strict import Strict, https_url, known_zone

_NAME = r"^[A-Za-z0-9_.-]+$"
_TENANT = r"^[A-Za-z0-9.-]+$"


class _Collector(Strict):
    name: str = Field(min_length=1, pattern=_NAME)
    """Name of the source that its records bear; unique among sources, listeners and collectors."""
    commune: str = ""
    """Id of the commune that owns its records; empty: attributed event by event."""
    parser: str = "auto"
    """Name of the parser, or ``auto``."""
    time_zone: str = "Europe/Paris"
    """IANA zone of times without offset."""
    lateness: MaybeDuration = None
    """How late its records may come; without: as the estate says, else what is usual for them."""
    idle: MaybeDuration = None
    """After how long without a record it holds no correlation back; without: two minutes."""
    silent_after: MaybeDuration = None
    """After how long without a record its silence is an incident; without: learnt from its hours of the weeks before."""

    _check_zone = field_validator("time_zone")(known_zone)


class _Asked(_Collector):
    every_s: float = Field(default=300.0, ge=10)
    """How often it is asked, seconds."""
    overlap_hours: float = Field(default=6.0, ge=0, le=96)
    """How far back it is asked again: what came late is found, what is known is not taken twice."""
    first_hours: float = Field(default=24.0, ge=0, le=167)
    """How far back the first question goes."""


class _Microsoft(_Asked):
    tenant: str = Field(min_length=1, pattern=_TENANT)
    """Id or domain of the tenant."""
    client: str = Field(min_length=1)
    """Id of the application that was registered for Tocsin."""
    secret_env: str = Field(min_length=1)
    """Environment variable that holds its secret."""
    secret_ends: date | None = None
    """Day on which the secret ends, as the portal shows it; said 30 days before, for nothing else would."""
    login: str = "https://login.microsoftonline.com"
    """Where tokens are had."""

    @field_validator("login", "api", check_fields=False)
    @classmethod
    def _check_url(cls, url: str) -> str:
        return https_url(url)


class Office365Settings(_Microsoft):
    """Audit records of Microsoft 365: the Management Activity API."""

    kind: Literal["office365"]
    """Microsoft 365's unified audit log."""
    content: tuple[str, ...] = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All")
    """Content types to subscribe to."""
    api: str = "https://manage.office.com"
    """Its address."""


class EntraSettings(_Microsoft):
    """Sign-ins and changes of Entra ID: Microsoft Graph."""

    kind: Literal["entra"]
    """Entra ID's logs."""
    logs: tuple[Literal["signIns", "directoryAudits"], ...] = ("signIns", "directoryAudits")
    """Which logs to read."""
    api: str = "https://graph.microsoft.com"
    """Its address."""


class CloudTrailSettings(_Asked):
    """CloudTrail's files in a bucket."""

    kind: Literal["cloudtrail-s3"]
    """AWS CloudTrail, delivered to S3."""
    bucket: str = Field(min_length=3, pattern=r"^[a-z0-9.-]+$")
    """The bucket."""
    prefix: str = ""
    """What stands before ``AWSLogs/`` in the keys."""
    region: str = "eu-west-3"
    """Region of the bucket."""
    key_env: str = ""
    """Environment variable with the access key; empty: the role of the machine."""
    secret_env: str = ""
    """Environment variable with its secret."""
    endpoint: str = ""
    """Another S3: ``https://minio.example.org``."""

    @field_validator("endpoint")
    @classmethod
    def _check_url(cls, url: str) -> str:
        return https_url(url) if url else url


class MqttSettings(_Collector):
    """Messages of a broker: sensors, lighting, parking."""

    kind: Literal["mqtt"]
    """An MQTT broker."""
    host: str = Field(min_length=1)
    """The broker."""
    port: int = Field(default=8883, ge=1, le=65535)
    """Its port."""
    topics: tuple[str, ...] = Field(min_length=1)
    """Topics or filters (``ville/#``)."""
    tls: bool = True
    """Encrypt; without, anybody on the way reads and writes."""
    ca_file: Path | None = None
    """Certificates (PEM) of the authority that signed the broker's; without: those of the system."""
    username: str = ""
    """Account at the broker."""
    password_env: str = ""
    """Environment variable that holds its password."""


CollectorSettings = Annotated[
    Office365Settings | EntraSettings | CloudTrailSettings | MqttSettings, Field(discriminator="kind")
]


def overlap_of(settings: _Asked) -> timedelta:
    """Return how far back a collector asks again."""
    return timedelta(hours=settings.overlap_hours)
