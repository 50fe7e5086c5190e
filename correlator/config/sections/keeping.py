"""``[retention]``, ``[disk]`` and ``[backup]``: how long data is kept, what happens when the disk fills, where copies go."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from correlator.config.strict import Strict


class RetentionSettings(Strict):
    """How long each kind of data is kept: ``[retention]``. Nothing goes before ``tocsin retention`` has shown it."""

    apply: bool = False
    """Remove once a day what is over its time; false: only say, once a day, what would go. The first day is always that."""
    lake_days: int = Field(default=365, ge=1)
    """Days that events stay in the lake."""
    text_days: int = Field(default=183, ge=1)
    """Days that the text of mail and web events stays: original line, addresses of pages, subjects. The rest: lake_days."""
    text_datasets: tuple[str, ...] = ("m365.*", "squid.*", "web.*", "*.web", "fortigate.utm", "*mail*", "*proxy*")
    """Patterns of ``event.dataset`` that are mail and web."""
    dataset_days: Mapping[str, int] = Field(default={"vms.*": 30, "cctv.*": 30})
    """Pattern of ``event.dataset`` → days of its events, where that is less than lake_days: video systems at most a month."""
    evidence_days: int = Field(default=183, ge=1)
    """Days that an incident's evidence stays after it was closed; an open or held incident keeps all of it."""
    incident_days: int = Field(default=1825, ge=1)
    """Days that a closed incident stays, with history, links and deadlines."""
    audit_days: int = Field(default=1095, ge=1)
    """Days that the audit of people's acts stays, ended mutes and pauses of rules with it."""
    ledger_days: int = Field(default=1095, ge=1)
    """Days that the loss ledger stays: counts, no text."""
    dead_letter_days: int = Field(default=90, ge=1)
    """Days that records nobody could read stay, whole."""
    sent_days: int = Field(default=90, ge=1)
    """Days that delivered changes stay in the outbox, and ended calls."""
    statement_days: int = Field(default=1825, ge=1)
    """Days that statements about services stay after they ended."""


class DiskSettings(Strict):
    """What happens when the disk of data_dir fills: ``[disk]``."""

    warn_percent: float = Field(default=85.0, gt=0, lt=100)
    """Used share from which a health incident is raised."""
    stop_percent: float = Field(default=95.0, gt=0, lt=100)
    """Used share from which sources wait: nothing is read, nothing is dropped."""


class BackupSettings(Strict):
    """Where ``tocsin backup`` writes, and how many copies stay: ``[backup]``."""

    dir: Path | None = None
    """Folder of the backups, on another machine or disk; ``doctor`` looks at the age of the newest one."""
    keep: int = Field(default=7, ge=1)
    """Backups that stay in that folder; older ones are removed after a new one was verified."""
    max_age_hours: float = Field(default=36.0, gt=0)
    """Age of the newest backup from which ``doctor`` complains and a health incident is raised."""
