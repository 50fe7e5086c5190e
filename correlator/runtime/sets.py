"""Every rule set of an install → one: which rules run, which do not and why, and what stays as it was because it broke."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from correlator.config.estate import load_estate
from correlator.config.sections.rules import OWN, RuleSetSettings
from correlator.config.settings import Settings
from correlator.detect.profiles import RETIRED, Profile, kind_of
from correlator.detect.readings import FileReading, join, keep
from correlator.detect.report import Loaded
from correlator.errors import InputError, Problem
from correlator.model.rule import RuleText
from correlator.runtime.enriching import stamp_of
from correlator.runtime.ruleset import Plans, without_collection
from correlator.store import rule_sets
from correlator.store.checkout import head_commit, is_busy
from correlator.store.content import content_stamp, find_mappings, read_rules, rule_files

Placeholders = Mapping[str, tuple[str, ...]]
Stamp = tuple[tuple[str | int, ...], ...]
_EVERYTHING = Profile()


@dataclass(frozen=True, slots=True)
class Idle:
    """A rule of a set that does not run, and why."""

    id: str
    title: str
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """One rule set as it was read; ``problem``: why it could not be. ``kept``: ids of rules that run as they were before."""

    name: str
    where: str
    root: Path | None = None
    profile: Profile = _EVERYTHING
    version: str = ""
    sha256: str = ""
    since: datetime | None = None
    readings: tuple[FileReading, ...] = ()
    idle: tuple[Idle, ...] = ()
    kept: frozenset[str] = frozenset()
    problem: Problem | None = None

    @property
    def active(self) -> int:
        """Return how many of its rules are asked to run."""
        return sum(not entry.problems for reading in self.readings for entry in reading.entries)

    def relative(self, path: str) -> str:
        """Return ``path`` below the set."""
        return path.removeprefix(str(self.root) + os.sep) if self.root else path


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sets came to: the rules that run, the sets they are from, and the mappings they were read with."""

    loaded: Loaded
    parts: tuple[Part, ...]
    mappings: tuple[RuleText, ...] = ()
    stamp: Stamp = field(default=(), compare=False)

    @property
    def kept(self) -> frozenset[str]:
        """Return the ids of the rules that run as they were before, because what replaced them is broken."""
        return frozenset().union(*(part.kept for part in self.parts))

    @property
    def troubles(self) -> tuple[Problem, ...]:
        """Return why sets as a whole could not be read."""
        return tuple(part.problem for part in self.parts if part.problem)


def shipped_rules() -> Path:
    """Return the folder of the rules that ship with Tocsin: of the checkout, else of the installed package."""
    packaged = Path(str(files("correlator"))) / "_rules"
    return packaged if packaged.is_dir() else Path(str(files("correlator"))).parent / "rules"


def placeholders_of(settings: Settings) -> Placeholders:
    """Return what placeholders stand for in the install's estate. Raises InputError for a wrong estate."""
    return load_estate(settings.estate).all_placeholders if settings.estate else {}


def own_rules(settings: Settings) -> tuple[Path, ...]:
    """Return the folders and files of the install's own rules."""
    if not settings.rules:
        return (shipped_rules(),)
    return (*settings.rules, *(_proof_rules() if settings.proof.at else ()))


def _proof_rules() -> tuple[Path, ...]:
    """Return the rules of the daily proof, which an install with rules of its own needs as well."""
    shipped = shipped_rules()
    return (
        shipped / "detections" / "tocsin" / "proof" / "tocsin_proof_record.yml",
        shipped / "correlations" / "tocsin_proof.yml",
    )


def rule_folders(settings: Settings) -> tuple[Path, ...]:
    """Return where the rules of an install are: its own first, then the folder of every set that is there."""
    opened = (_open(one, settings) for one in settings.rule_set)
    return (*own_rules(settings), *(part.root for part in opened if part.root))


def rules_stamp(settings: Settings) -> Stamp:
    """Return what changes whenever rules, mappings or the estate on disk do."""
    paths = list(own_rules(settings)) + [one.path for one in settings.rule_set if one.path and one.path.is_dir()]
    states = [rule_sets.state_file(settings.rule_sets_dir / one.name) for one in settings.rule_set]
    busy = tuple((str(one.path), "busy") for one in settings.rule_set if one.path and is_busy(one.path))
    estate = [settings.estate] if settings.estate else []
    return (*content_stamp([*paths, *states, *estate]), *busy, *stamp_of(settings.enrich))


def gather(
    settings: Settings, rules: Sequence[Path] = (), placeholders: Placeholders | None = None, before: Gathered | None = None
) -> Gathered:
    """Return the rules of every set; ``rules`` are read instead of all of them.

    What is broken now and was good in ``before`` stays as it was; without ``before``, as the plan cache knows it, for a month.
    Raises InputError when the install's own rules are not there.
    """
    with without_collection():
        return _gathered(settings, rules, placeholders or {}, before)


def _gathered(settings: Settings, rules: Sequence[Path], placeholders: Placeholders, before: Gathered | None) -> Gathered:
    stamp = () if rules else rules_stamp(settings)  # before anything is read: what changes meanwhile is seen at the next look
    own = tuple(rules) or own_rules(settings)
    opened = () if rules else tuple(_open(one, settings) for one in settings.rule_set)
    folders = [*own, *(part.root for part in opened if part.root and not part.sha256)]
    reader = _Reader(settings, own, read_rules(find_mappings(folders)), placeholders, before)
    reader.is_start = not rules and before is None
    parts = [reader.read(Part(OWN, ", ".join(map(str, own))), own)]
    for part, one in zip(opened, settings.rule_set, strict=False):
        parts.append(reader.chosen(part, one, {rule_id for other in parts for rule_id in _ids(other)}))
    ran = {rule.id: rule.path for rule in before.loaded.ruleset.rules} if before else {}
    loaded = join([one for part in parts for one in part.readings], reader.plans.narrow, reader.problems, ran)
    reader.keep()
    return Gathered(loaded, tuple(parts), reader.mappings, stamp)


def read_version(settings: Settings, one: RuleSetSettings, version: rule_sets.Version, *, keep: bool = False) -> Part:
    """Return what a version of the set holds, whether it runs or not; ``keep``: its plans are kept, it is about to run."""
    own = own_rules(settings)
    folders = [*own, *(other.path for other in settings.rule_set if other.path and other.path.is_dir())]
    reader = _Reader(settings, own, read_rules(find_mappings(folders)), placeholders_of(settings), None)
    part = Part(
        one.name, one.url or str(one.path), version.files, _profile(one), version.version, version.sha256, version.since
    )
    found = reader.chosen(part, one, ())
    if keep:
        reader.keep_sets()
    return found


def _open(one: RuleSetSettings, settings: Settings) -> Part:
    """Return the set with the folder its rules are in, or with why there is none."""
    profile = Profile(
        one.profile,
        one.addons,
        one.levels,
        one.statuses,
        one.tags,
        one.log_sources,
        frozenset(one.include),
        frozenset(one.exclude),
    )
    part = Part(one.name, one.url or str(one.path), profile=profile)
    if one.path and one.path.is_dir():
        commit = head_commit(one.path)
        part = replace(part, root=one.path, version=commit[:12])
        if one.commit and not commit.startswith(one.commit):
            what = f"the work tree is on {commit[:12] or 'no commit'}, not on the pinned {one.commit[:12]}"
            return replace(
                part, problem=Problem(one.name, 0, what, f"git checkout {one.commit[:12]}, or another commit in settings")
            )
        return part
    there = rule_sets.active(settings.rule_sets_dir / one.name)
    if there is None:
        what = "the rule set was never taken" if one.url or (one.path and one.path.exists()) else f"there is no {one.path}"
        return replace(part, problem=Problem(one.name, 0, what, f"tocsin rules update {one.name}"))
    return replace(part, root=there.files, version=there.version, sha256=there.sha256, since=there.since)


def _profile(one: RuleSetSettings) -> Profile:
    include, exclude = frozenset(one.include), frozenset(one.exclude)
    return Profile(one.profile, one.addons, one.levels, one.statuses, one.tags, one.log_sources, include, exclude)


def _ids(part: Part) -> list[str]:
    return [entry.rule.id for reading in part.readings for entry in reading.entries]


class _Reader:
    """Reads sets with one and the same mappings, each with a plan cache of its own."""

    def __init__(
        self, settings: Settings, own: Sequence[Path], mappings: tuple[RuleText, ...], placeholders: Placeholders,
        before: Gathered | None,
    ) -> None:  # fmt: skip
        self._settings, self._placeholders = settings, placeholders
        self._before = {part.name: part for part in before.parts} if before else {}
        self._plans: list[Plans] = []
        self.is_start = False  # of the install's own rules: what broke meanwhile stays as the plan cache knows it
        self.mappings = mappings
        self.plans = self._plans_of(own)
        self.problems = self.plans.problems
        if self.problems and before and mappings != before.mappings:  # a broken mapping changes what every rule means
            self.mappings, self._plans = before.mappings, []
            self.plans = self._plans_of(own)

    def read(self, part: Part, paths: Sequence[Path], plans: Plans | None = None) -> Part:
        """Return ``part`` with what the files below ``paths`` hold."""
        chosen = plans or self.plans
        before = self._readings_before(part)
        kept: list[str] = []
        readings = []
        for path in rule_files(paths):
            below = part.relative(path)
            if part.root and not _retired(below) <= set(part.profile.statuses):
                continue
            now, old = chosen.read(path, below, part.root), before.get(below)
            if now.is_broken and old is None and self.is_start:
                old = chosen.last_good(path, below)
            if old is not None:
                now, saved = keep(old, now)
                kept.extend(saved)
                if saved:
                    chosen.stays(below, now)
            readings.append(now)
        return replace(part, readings=tuple(readings), kept=frozenset(kept))

    def chosen(self, part: Part, one: RuleSetSettings, taken: Collection[str]) -> Part:
        """Return ``part`` with the rules of its files that are to run; those with an id in ``taken`` run from another set."""
        before = self._before.get(part.name)
        busy = part.root is not None and is_busy(part.root)
        if before and before.root and (part.problem or busy):
            return replace(before, problem=part.problem)
        if part.problem or part.root is None:
            return part
        try:
            folders = _rule_folders(part.root, one.statuses)
            whole = self.read(
                part, folders, self._plans_of([self._settings.rule_sets_dir / one.name, *([one.path] if one.path else [])])
            )
        except InputError as error:
            return replace(before or part, problem=error.problems[0])
        return _selected(whole, taken)

    def keep(self) -> None:
        """Write the plan caches."""
        for plans in self._plans:
            plans.keep()

    def keep_sets(self) -> None:
        """Write those of the sets alone: the own rules were not read."""
        for plans in self._plans[1:]:
            plans.keep()

    def _plans_of(self, paths: Sequence[Path]) -> Plans:
        plans = Plans(paths, self.mappings, self._settings.cache, self._placeholders)
        self._plans.append(plans)
        return plans

    def _readings_before(self, part: Part) -> Mapping[str, FileReading]:
        before = self._before.get(part.name)
        return {before.relative(one.path): one for one in before.readings} if before else {}


def _retired(path: str) -> frozenset[str]:
    return RETIRED.intersection(path.split("/"))


def _selected(part: Part, taken: Collection[str]) -> Part:
    """Return the set without the rules that are not to run, which are told with their reason."""
    readings, idle = [], []
    for reading in part.readings:
        path = part.relative(reading.path)
        running = []
        for entry in reading.entries:
            why = part.profile.refusal(entry, kind_of(path, entry.rule.tags))
            if not why and entry.id_line and entry.rule.id in taken:
                why = "a set named before this one has a rule of this id"
            if why:
                idle.append(Idle(entry.rule.id, entry.rule.title, path, why))
            else:
                running.append(entry)
        readings.append(replace(reading, entries=tuple(running)))
    return replace(part, readings=tuple(readings), idle=tuple(idle))


def _rule_folders(root: Path, statuses: Collection[str]) -> list[Path]:
    """Return the folders of rules below ``root``: those that begin with ``rules`` where there are any, else all of it.

    A repository has other YAML beside them. Rules that their authors gave up are left out unless ``statuses`` names them.
    """
    there = sorted(one for one in root.iterdir() if one.is_dir() and not one.name.startswith("."))
    if len(there) == 1 and not there[0].name.startswith("rules") and not any(root.glob("*.y*ml")):
        return _rule_folders(there[0], statuses)  # the one folder that an archive of a repository has
    named = [one for one in there if one.name.startswith("rules") or (one.name in RETIRED and one.name in statuses)]
    return named if any(one.name.startswith("rules") for one in named) else [root]
