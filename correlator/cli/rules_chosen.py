"""Which rules a command is about: those below the paths it was given, else those that a run of this install would use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.errors import InputError

if TYPE_CHECKING:
    from correlator.config.settings import Settings
    from correlator.detect.report import Loaded
    from correlator.runtime.sets import Gathered, Part

_SHORT = 12  # characters of a hash
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rules, the folders or files that they stand in, and where they were looked for when nobody said (else empty)."""

    loaded: "Loaded"
    paths: tuple[Path, ...]
    said: str = ""


def choose(paths: Sequence[Path], estate: Path | None = None, config: Path | None = None) -> Chosen:
    """Return the rules below ``paths``; without any, those of the configured sets, and tell on standard error which they are.

    Placeholders are filled from ``estate``, else from the configured one. Raises InputError; settings that cannot be read
    matter only where they say what to read.
    """
    settings = _settings(config, needed=not paths)
    placeholders = placeholders_of(estate or (settings.estate if settings else None))
    chosen = _configured(settings, placeholders) if settings and not paths else _below(paths, settings, placeholders)
    if chosen.said:
        click.echo(chosen.said, err=True)
    return chosen


def placeholders_of(estate: Path | None) -> Mapping[str, tuple[str, ...]]:
    """Return what the file at ``estate`` says that placeholders stand for; None: nothing. Raises InputError."""
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` loads nothing

    return load_estate(estate).all_placeholders if estate else {}


def _settings(config: Path | None, *, needed: bool) -> "Settings | None":
    """Return the settings; None when they cannot be read and nobody needs them: rules can be checked without."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` loads nothing

    try:
        return load_settings(config)
    except InputError:
        if needed or config:
            raise
        return None


def _below(paths: Sequence[Path], settings: "Settings | None", placeholders: Mapping[str, tuple[str, ...]]) -> Chosen:
    from correlator.runtime.ruleset import load_cached  # noqa: PLC0415 - `--help` loads nothing
    from correlator.store.content import find_mappings  # noqa: PLC0415

    loaded = load_cached(paths, find_mappings(paths), settings.cache if settings else None, placeholders)
    return Chosen(loaded, tuple(paths))


def _configured(settings: "Settings", placeholders: Mapping[str, tuple[str, ...]]) -> Chosen:
    from correlator.runtime.sets import gather  # noqa: PLC0415 - `--help` loads nothing

    gathered = gather(settings, placeholders=placeholders)
    loaded = replace(gathered.loaded, problems=(*gathered.troubles, *gathered.loaded.problems))
    return Chosen(loaded, tuple(_files(gathered)), _said(settings, gathered))


def _files(gathered: "Gathered") -> Iterator[Path]:
    """Yield the files that hold something which runs here, or should."""
    for part in gathered.parts:
        for one in part.readings:
            if one.entries or one.filters or one.correlations or one.problems:
                yield Path(one.path)


def _said(settings: "Settings", gathered: "Gathered") -> str:
    """Return which rule sets were read, the install's own first."""
    own, *sets = gathered.parts
    first = f"your own ({own.where})" if settings.rules else "those that ship with Tocsin"
    kept = sorted(gathered.kept)
    broken = f" Broken, so their previous version runs on: {', '.join(kept[:_MOST_NAMED])}{', …' * (len(kept) > _MOST_NAMED)}."
    return f"Rules read: {', '.join([first, *map(_told, sets)])}.{broken if kept else ''}"


def _told(part: "Part") -> str:
    if part.problem:
        return f"{part.name} (cannot be read)"
    version = part.version or part.sha256[:_SHORT]
    return f"{part.name} ({', '.join(filter(None, (version, f'profile {part.profile}')))})"
