"""Taking another version of a rule set: fetch, compare with the pin, say what changes, switch; till then nothing changes."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from correlator.config.sections.rules import RuleSetSettings
from correlator.config.settings import Settings
from correlator.config.toml_lines import key_lines
from correlator.config.toml_write import replace_text
from correlator.errors import InputError, Problem
from correlator.runtime.rule_fetch import fetch
from correlator.runtime.sets import Part, read_version
from correlator.store import rule_sets
from correlator.store.content import hand_over
from correlator.store.rule_archives import read_archive


@dataclass(frozen=True, slots=True)
class Update:
    """What an update of a set is, or would be: ``switched`` says which. Rules are id → title, those that run alone."""

    name: str
    pin: str
    before: str
    sha256: str
    version: str
    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, str]
    broken: tuple[Problem, ...]
    rules: int
    switched: bool


def update(settings: Settings, one: RuleSetSettings, now: datetime, *, pin: bool = False, config: Path | None = None) -> Update:
    """Fetch the archive of the set and let it run when it is the pinned one.

    With ``pin`` another one is taken too when ``config`` is given, whose pin is written anew; without ``config`` nothing
    changes and what would is returned. Raises Retry when it cannot be fetched, InputError when it is not the pinned one, no
    archive that may be taken, or nothing of it could run: what ran before runs on in every case.
    """
    folder = settings.rule_sets_dir / one.name
    _check_kind(one)
    with _changing(settings, folder):
        archive = folder / ".new-archive"
        sha256 = fetch(one, archive)
        if sha256 != one.sha256 and not pin:
            raise InputError([_other(one, sha256)])
        before, known = rule_sets.active(folder), rule_sets.version_of(folder, sha256)
        new = rule_sets.add(folder, sha256, read_archive(archive), one.url or str(one.path), now)
        archive.unlink()
        switches = sha256 == one.sha256 or config is not None
        made = _compared(settings, one, before, new, switched=switches)
        if known is None and not (switches and made.rules):
            rule_sets.discard(folder, sha256)
        if switches and not made.rules:
            raise InputError([Problem(one.name, 0, "none of its rules would run", "is it the right archive, and the profile?")])
        if switches:
            if config is not None and sha256 != one.sha256:
                write_pin(config, one.name, sha256)
            rule_sets.switch(folder, sha256, now)
    return made


def roll_back(settings: Settings, one: RuleSetSettings, now: datetime) -> Update:
    """Let the version before run again; the pin stays as it is. Raises InputError when there is none."""
    folder = settings.rule_sets_dir / one.name
    _check_kind(one)
    with _changing(settings, folder):
        before, found = rule_sets.active(folder), rule_sets.rollback(folder, now)
        if found is None:
            raise InputError([Problem(one.name, 0, "no version before this one is kept", "`tocsin rules sets` says what runs")])
        return _compared(settings, one, before, found, switched=True)


@contextmanager
def _changing(settings: Settings, folder: Path) -> Iterator[None]:
    """Hold the set; what was written belongs to the owner of the data folder in the end, whoever wrote it."""
    try:
        with rule_sets.updating(folder):
            yield
    finally:
        for made in (settings.rule_sets_dir, settings.cache):
            hand_over(made, settings.data_dir)


def _check_kind(one: RuleSetSettings) -> None:
    if one.path and one.path.is_dir():
        what = "is read where it is"
        raise InputError([Problem(str(one.path), 0, what, "git pull there; changed files are taken within a minute")])


def _other(one: RuleSetSettings, sha256: str) -> Problem:
    show = f"`tocsin rules update {one.name} --pin` shows what it would change"
    if not one.sha256:
        return Problem(one.name, 0, f"no sha256 is pinned, the archive's is {sha256}", show)
    return Problem(one.name, 0, f"the archive's SHA-256 is {sha256}, the pinned one {one.sha256}: nothing was changed", show)


def _compared(
    settings: Settings, one: RuleSetSettings, before: rule_sets.Version | None, new: rule_sets.Version, *, switched: bool
) -> Update:
    old = _running(read_version(settings, one, before)) if before else {}
    part = read_version(settings, one, new, keep=switched)
    now = _running(part)
    problems = [problem for reading in part.readings for problem in reading.problems]
    problems += [problem for reading in part.readings for entry in reading.entries for problem in entry.problems]
    return Update(
        one.name, one.sha256, before.sha256 if before else "", new.sha256, new.version,
        {rule: title for rule, (_, title) in now.items() if rule not in old},
        {rule: title for rule, (_, title) in old.items() if rule not in now},
        {rule: title for rule, (digest, title) in now.items() if rule in old and old[rule][0] != digest},
        tuple(problems), len(now), switched,
    )  # fmt: skip


def _running(part: Part) -> dict[str, tuple[str, str]]:
    entries = (entry for reading in part.readings for entry in reading.entries if not entry.problems)
    return {entry.rule.id: (entry.rule.digest, entry.rule.title) for entry in entries}


def write_pin(config: Path, name: str, sha256: str) -> None:
    """Write the pin of the set into the settings file, every other character of which stays. Raises InputError if it cannot."""
    text = config.read_text(encoding="utf-8")
    entries = tomllib.loads(text).get("rule_set", [])
    number = next((place for place, entry in enumerate(entries) if entry.get("name") == name), -1)
    places = key_lines(text)
    line = places.get(("rule_set", number, "sha256"), 0)
    after = places.get(("rule_set", number, "name"), 0)
    lines = text.splitlines(keepends=True)
    if line:
        lines[line - 1] = f'sha256 = "{sha256}"\n'
    elif after:
        lines.insert(after, f'sha256 = "{sha256}"\n')
    new = "".join(lines)
    if not _says(new, text, number, sha256):
        raise InputError([Problem(str(config), line or after, "the pin cannot be written there", f'write sha256 = "{sha256}"')])
    try:
        replace_text(config, new)
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise InputError(
            [Problem(str(config), line or after, what, f'write sha256 = "{sha256}" into [[rule_set]] {name}')]
        ) from None


def _says(new: str, old: str, number: int, sha256: str) -> bool:
    """Say whether ``new`` is ``old`` with this pin and nothing else."""
    try:
        changed = tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        return False
    wanted = tomllib.loads(old)
    if not 0 <= number < len(wanted.get("rule_set", [])):
        return False
    wanted["rule_set"][number]["sha256"] = sha256
    return bool(changed == wanted)
