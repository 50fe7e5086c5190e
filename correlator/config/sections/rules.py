"""``[[rule_set]]``: rules that others write, where they come from, and which of them run."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from correlator.config.strict import Strict

Profile = Literal["core", "core+", "core++", "all"]
Addon = Literal["emerging-threats", "threat-hunting", "compliance", "dfir", "placeholder"]
Level = Literal["informational", "low", "medium", "high", "critical"]
Status = Literal["stable", "test", "experimental", "deprecated", "unsupported"]
#: What the rules of ``rules`` are called where sets are listed.
OWN = "own"
_SOURCE_PARTS = 3


class RuleSetSettings(Strict):
    """One set of rules beside your own: ``[[rule_set]]``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)
    """Name of the set, of its folder below ``data_dir``; unique, and not ``own``."""
    path: Path | None = None
    """A folder or git work tree, read where it is; or an archive (zip; tar, also gzip, bzip2, xz, zstd) for `rules update`."""
    url: str = ""
    """``https://`` or ``file://`` of an archive that `tocsin rules update` fetches, instead of ``path``."""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """The archive that may be taken, by its SHA-256; `tocsin rules update --pin --yes` writes it."""
    commit: str = Field(default="", pattern=r"^([0-9a-f]{7,64})?$")
    """The commit a git work tree must stand on, or its beginning; empty: any."""
    ca_file: Path | None = None
    """Certificate authority (PEM) of ``url``, where it is not a public one."""
    profile: Profile = "core"
    """``core``, ``core+``, ``core++``, ``all``: which rules run, by status and level as in the packages of SigmaHQ."""
    addons: tuple[Addon, ...] = ()
    """Kinds of rules that run beside the generic ones; ``all`` has the first three."""
    levels: tuple[Level, ...] = ()
    """Levels that run, instead of those of the profile."""
    statuses: tuple[Status, ...] = ()
    """Statuses that run, instead of those of the profile; folders ``deprecated``, ``unsupported`` only when named here."""
    tags: tuple[str, ...] = ()
    """Only rules with one of these tags, ``*`` allowed: ``attack.t1003*``."""
    log_sources: tuple[str, ...] = ()
    """Only rules of these log sources, ``product/category/service``, each part may be empty: ``windows``, ``linux//auditd``."""
    include: tuple[str, ...] = ()
    """Ids of rules that run whatever the profile says."""
    exclude: tuple[str, ...] = ()
    """Ids of rules that do not run."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and parts.scheme not in {"https", "file"}:
            raise ValueError("https:// or file://")
        if "@" in parts.netloc:  # it would stand in logs
            raise ValueError("no user name nor password in an address")
        if parts.scheme == "file" and parts.netloc not in {"", "localhost"}:
            raise ValueError("file:///absolute/path")
        if parts.scheme == "https" and not parts.hostname:
            raise ValueError("https://host/path")
        return url

    @field_validator("log_sources")
    @classmethod
    def _check_log_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            if source.count("/") >= _SOURCE_PARTS or not source.strip("/"):
                raise ValueError(f"{source!r}: product/category/service, at least one of them")
        return sources

    @model_validator(mode="after")
    def _complete(self) -> "RuleSetSettings":
        if bool(self.path) == bool(self.url):
            raise ValueError("either path or url")
        if self.name == OWN:
            raise ValueError(f"{OWN!r} is the name of the rules in `rules`")
        if self.url and self.commit:
            raise ValueError("commit belongs to a git work tree; an archive has sha256")
        return self
