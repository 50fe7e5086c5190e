"""``[enrich]``: what is known outside of the estate about addresses, people and things, each part optional."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from correlator.config.estate_values import MaybeDuration
from correlator.config.strict import Strict, https_url

_NAME = r"^[A-Za-z0-9_.-]+$"


class IndicatorListSettings(Strict):
    """One list of indicators of compromise: ``[[enrich.indicators]]``."""

    name: str = Field(min_length=1, pattern=_NAME)
    """Name shown on events and incidents; unique."""
    path: Path
    """The file: one value a line, CSV with titles, a MISP export (JSON) or a STIX 2 bundle. Read again when it changes."""
    confidence: int = Field(default=50, ge=0, le=100)
    """How far to trust its values, where the list does not say."""
    url: str = ""
    """Where it is had: an https address; without, the file is somebody else's to bring."""
    how: Literal["file", "taxii", "misp"] = "file"
    """What answers there: a file, a TAXII 2.1 collection (``…/collections/ID/``), a MISP server."""
    token_env: str = ""
    """Environment variable that holds the token or the key for it."""
    every_h: float = Field(default=6.0, ge=0.1, le=168)
    """How often it is had, hours."""
    ca_file: Path | None = None
    """Certificates (PEM) of the authority that signed the publisher's; without: those of the system."""
    max_age: MaybeDuration = None
    """Its values count no more so long after the file was written; without: as the list says, else for ever."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        return https_url(url) if url else url


class WatchListSettings(Strict):
    """Names to look out for: ``[[enrich.watch]]``."""

    name: str = Field(min_length=1, pattern=_NAME)
    """Name shown on events; unique."""
    meaning: Literal["priority", "honey"]
    """``priority``: people and machines whose events matter more; ``honey``: what nobody has a reason to touch."""
    kind: Literal["account", "host", "address", "file", "domain"]
    """What its values are."""
    values: tuple[str, ...] = ()
    """The values; case does not count. A host is also known by the part before its first dot, a file by its name alone."""
    path: Path | None = None
    """A file of values, one a line. Read again when it changes."""

    @model_validator(mode="after")
    def _complete(self) -> "WatchListSettings":
        if not self.values and self.path is None:
            raise ValueError(f"watch list {self.name}: give values or a path")
        return self


class EnrichSettings(Strict):
    """What events are compared with, beside the estate: ``[enrich]``."""

    people: Path | None = None
    """Who is who: CSV (account, mail, name, department, title; French titles are known) or LDIF. Read again when it changes."""
    geoip: tuple[Path, ...] = ()
    """MaxMind files (.mmdb): country or city, ASN. Read again when they change."""
    allow: Path | None = None
    """Values that are never indicators: addresses, networks, domains (with all below them), one a line."""
    indicators: tuple[IndicatorListSettings, ...] = ()
    watch: tuple[WatchListSettings, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Return every file that is read."""
        own = (self.people, self.allow, *(one.path for one in self.watch))
        return (*(path for path in own if path), *self.geoip, *(one.path for one in self.indicators))

    def anchored(self, folder: Path) -> "EnrichSettings":
        """Return the settings with relative paths made relative to ``folder``."""
        return self.model_copy(
            update={
                "people": self.people and folder / self.people,
                "allow": self.allow and folder / self.allow,
                "geoip": tuple(folder / path for path in self.geoip),
                "indicators": tuple(
                    one.model_copy(update={"path": folder / one.path, "ca_file": one.ca_file and folder / one.ca_file})
                    for one in self.indicators
                ),
                "watch": tuple(one.model_copy(update={"path": one.path and folder / one.path}) for one in self.watch),
            }
        )

    @model_validator(mode="after")
    def _unique(self) -> "EnrichSettings":
        for what, names in (("indicators", [o.name for o in self.indicators]), ("watch", [o.name for o in self.watch])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"[[enrich.{what}]]: {', '.join(twice)} is there twice")
        return self
