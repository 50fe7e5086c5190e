"""Log files through the whole flow into a scratch store, and what came of them, ready to be judged."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any, Final

import polars as pl

from benchmarks import recorded
from correlator.config.sections.rules import RuleSetSettings
from correlator.config.settings import Settings, load_settings
from correlator.model.estate import Estate
from correlator.model.severity import Severity
from correlator.runtime.content import Content, load_content
from correlator.runtime.pipeline import Outcome
from correlator.runtime.replay import Replay, incident_documents, scratch_settings

#: Rules of a fresh install: our own, no foreign set.
FRESH: Final = "fresh"
#: What can be asked for: a fresh install, or our rules beside SigmaHQ's of a profile of ``docs/rule-sets.md``.
PROFILES: Final = (FRESH, "core", "core+", "core++", "all")

Detection = tuple[str, str]
"""Rule id, event id."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a run found.

    ``incidents``: documents as sinks get them, with ``event.ids``. ``places``: event id → (file, line, 1-based).
    ``levels``: detection → its level; ``muted``: detections that speak through a correlation only.
    """

    records: int
    rejected: int
    incidents: tuple[Mapping[str, Any], ...]
    levels: Mapping[Detection, str]
    muted: frozenset[Detection]
    titles: Mapping[str, str]
    places: Mapping[str, tuple[str, int]]
    hits: int
    cpu_s: float

    @property
    def by_level(self) -> Counter[str]:
        """Return how many detections there are of each level."""
        return Counter(self.levels.values())

    @property
    def covered(self) -> frozenset[str]:
        """Return the events that some incident holds."""
        return frozenset(event for incident in self.incidents for event in incident["event.ids"])

    def outside(self, minimum: Severity) -> dict[Detection, str]:
        """Return the detections of ``minimum`` and above whose event no incident holds, with their levels."""
        held = self.covered
        return {
            one: level
            for one, level in self.levels.items()
            if one[1] not in held and one not in self.muted and Severity.of(level) >= minimum
        }


def settings_of(profile: str, work: Path) -> Settings:
    """Return settings with the rules of ``profile``, their plans kept below ``work``. Raises KeyError for one there is not."""
    if profile not in PROFILES:
        raise KeyError(profile)
    foreign = (
        ()
        if profile == FRESH
        else (RuleSetSettings.model_validate({"name": "sigmahq", "path": recorded.RULES, "profile": profile}),)
    )
    return load_settings(None).model_copy(update={"data_dir": work / "install", "rule_set": foreign})


def load(profile: str, work: Path, estate: Estate | None = None) -> tuple[Settings, Content]:
    """Return settings and content of an install with the rules of ``profile``."""
    settings = settings_of(profile, work)
    return settings, load_content(settings, estate=estate)


def play(
    paths: Sequence[Path],
    settings: Settings,
    content: Content,
    *,
    below: Path | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Played:
    """Return what the flow makes of ``paths``; places are told below the folder ``below``. The store is thrown away."""
    begun, seen = process_time(), _Seen(content.muted, below)
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        scratch = scratch_settings(settings, Path(folder))
        replay = Replay([str(path) for path in paths], content, scratch, clock=clock or _now)
        summary, engine = replay.run(each=seen.take)
        incidents = incident_documents(engine)
        engine.dispose()
    return Played(
        records=summary.received,
        rejected=summary.rejected,
        incidents=tuple(incidents),
        levels=seen.levels,
        muted=frozenset(seen.muted),
        titles=seen.titles,
        places=seen.places,
        hits=len(summary.hits),
        cpu_s=round(process_time() - begun, 2),
    )


def _now() -> datetime:
    return datetime.now(UTC)


class _Seen:
    """Detections of a run, batch by batch."""

    def __init__(self, silent: frozenset[str], below: Path | None) -> None:
        self.silent, self.below = silent, below
        self.levels: dict[Detection, str] = {}
        self.muted: set[Detection] = set()
        self.titles: dict[str, str] = {}
        self.places: dict[str, tuple[str, int]] = {}

    def take(self, outcome: Outcome) -> None:
        """Keep what one batch found."""
        columns = ("rule.id", "rule.title", "rule.level", "event.id", "log.file.path", "log.line")
        for rule, title, level, event, path, line in outcome.detections.select(columns).iter_rows():
            self.levels[rule, event] = level or "medium"
            self.titles[rule] = title
            self.places[event] = (self._relative(path), line or 0)
            if rule in self.silent:
                self.muted.add((rule, event))
        if outcome.hits.height:
            self.titles.update(outcome.hits.select("rule.id", "rule.title").unique().iter_rows())

    def _relative(self, path: str | None) -> str:
        if not path or self.below is None:
            return path or ""
        return Path(path).relative_to(self.below).as_posix()


def frame_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return ``rows`` as a table of plain text, every row, no column cut short."""
    with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=60, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True,
                   tbl_formatting="ASCII_MARKDOWN", tbl_width_chars=220):  # fmt: skip
        return str(pl.DataFrame(rows, infer_schema_length=None))
