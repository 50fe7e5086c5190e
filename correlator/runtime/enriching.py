"""The files of ``[enrich]``, opened for enrichment; each is read again only when it changed.

A list that cannot be read is a problem that is said, and the one read before stays in use: a download that broke in the night
must not blind anybody.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import maxminddb
import polars as pl

from correlator.config.indicator_lists import ListRead, read_list, read_values
from correlator.config.people_list import read_people
from correlator.config.sections.enriching import EnrichSettings, IndicatorListSettings
from correlator.enrich.context import Context, Place
from correlator.enrich.indicators import Indicators
from correlator.enrich.people import People, Person
from correlator.enrich.watched import Watched
from correlator.errors import InputError, Problem
from correlator.model.estate import INTERNET
from correlator.model.indicator import GIVEN

Stamp = tuple[tuple[str | int, ...], ...]
_CACHED = 1 << 17
#: A value that a person asks about stands in all of these at once.
_ASKED_AS = ("destination.ip", "dns.question.name", "url.original", "file.hash.sha256", "email.from.address")


@dataclass(slots=True)
class _Files:
    """What was read of files, by path: (stamp, value)."""

    known: dict[str, tuple[tuple[Any, ...], Any]] = field(default_factory=dict)

    def get(self, path: Path, how: tuple[Any, ...], read: Callable[[], Any], problems: list[Problem]) -> Any:  # noqa: ANN401 - what `read` returns
        """Return what ``read`` made of a file, again only when it changed; what was read before where it broke."""
        stamp = (*_stat(path), *how)
        key = str(path)
        if key not in self.known or self.known[key][0] != stamp:
            try:
                self.known[key] = (stamp, read())
            except InputError as error:
                problems.extend(error.problems)
        return self.known[key][1] if key in self.known else None


_FILES = _Files()  # of this process: content is loaded again whenever a rule changes


@dataclass(frozen=True, slots=True)
class Opened:
    """What enrichment looks things up in, what was read of each list of indicators, and what is wrong with the files."""

    context: Context
    lists: Mapping[str, ListRead] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def stamp_of(enrich: EnrichSettings) -> Stamp:
    """Return what changes when one of the files does."""
    return tuple(_stat(path) for path in enrich.files)


def open_context(enrich: EnrichSettings) -> Opened:
    """Return what the files of the settings hold, as it is looked up."""
    problems: list[Problem] = []
    lists = {one.name: found for one in enrich.indicators if (found := _list(one, problems)) is not None}
    allow = _FILES.get(enrich.allow, (), partial(read_values, enrich.allow), problems) if enrich.allow else []
    indicators = _indicators(lists, tuple(allow or ())) if lists else None
    people = _FILES.get(enrich.people, (), partial(_people, enrich.people), problems) if enrich.people else None
    context = Context(_locate(enrich.geoip, problems), people, indicators, _watched(enrich, problems))
    return Opened(context, lists, tuple(problems))


def _list(one: IndicatorListSettings, problems: list[Problem]) -> ListRead | None:
    def read() -> ListRead:
        written = datetime.fromtimestamp(one.path.stat().st_mtime if one.path.exists() else 0, UTC)
        return read_list(one.path, one.confidence, written=written, max_age=one.max_age)

    found: ListRead | None = _FILES.get(one.path, (one.confidence, one.max_age), read, problems)
    return found


def _indicators(lists: Mapping[str, ListRead], allow: tuple[str, ...]) -> Indicators:
    """Return the table of all lists, made anew only when one of them was read again."""
    key, stamp = "indicators", (*((name, id(read)) for name, read in lists.items()), allow)
    if key not in _FILES.known or _FILES.known[key][0] != stamp:
        _FILES.known[key] = (stamp, Indicators.of([(name, read.frame) for name, read in lists.items()], allow))
    made: Indicators = _FILES.known[key][1]
    return made


def _people(path: Path) -> People:
    return People({name: Person(*said) for name, said in read_people(path).items()})


def _watched(enrich: EnrichSettings, problems: list[Problem]) -> Watched | None:
    lists: list[tuple[str, str, str, Sequence[str]]] = []
    for one in enrich.watch:
        path = one.path
        more = _FILES.get(path, (), partial(read_values, path), problems) if path else []
        lists.append((one.name, one.meaning, one.kind, [*one.values, *(more or ())]))
    return Watched.of(lists) if lists else None


def _locate(paths: Sequence[Path], problems: list[Problem]) -> Callable[[str], Place | None] | None:
    """Return the place of an address, out of all files together; None without files."""
    readers = [reader for path in paths if (reader := _FILES.get(path, (), partial(_open, path), problems))]
    if not readers:
        return None

    @lru_cache(maxsize=_CACHED)
    def locate(address: str) -> Place | None:
        found: dict[str, Any] = {}
        for reader in readers:
            with suppress(ValueError, maxminddb.InvalidDatabaseError):  # an IPv6 address in a file of IPv4, a broken branch
                found |= reader.get(address) or {}
        country = (found.get("country") or found.get("registered_country") or {}).get("iso_code", "")
        number, name = found.get("autonomous_system_number"), found.get("autonomous_system_organization", "")
        return Place(country, number, name) if country or number else None

    return locate


def _open(path: Path) -> maxminddb.Reader:
    """Return a reader of a private copy: one that is mapped and then overwritten in its place would end the process."""
    try:
        with tempfile.NamedTemporaryFile(suffix=path.suffix) as copy:
            copy.write(path.read_bytes())
            copy.flush()
            return maxminddb.open_database(copy.name)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        expected = "a .mmdb file of MaxMind or in its format"
        raise InputError([Problem(str(path), 0, f"is no database of places: {error}", expected)]) from error


def _stat(path: Path) -> tuple[str | int, ...]:
    try:
        found = path.stat()
    except OSError:
        return (str(path),)
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns


def counted(lists: Mapping[str, ListRead]) -> pl.DataFrame:
    """Return (list, kind, values, ended) of lists of indicators."""
    now = pl.lit(datetime.now(UTC))
    frames = [read.frame.with_columns(pl.lit(name).alias("name")) for name, read in lists.items()]
    if not frames:
        return pl.DataFrame(schema={"name": pl.String, "kind": pl.String, "values": pl.UInt32, "ended": pl.UInt32})
    ended = (pl.col("until") < now).fill_null(value=False).sum().alias("ended")
    grouped = pl.concat(frames).group_by("name", "kind", maintain_order=True)
    return grouped.agg(pl.len().alias("values"), ended).with_columns(pl.col("kind").cast(pl.String))


def looked_up(context: Context, values: Sequence[str]) -> list[dict[str, Any]]:
    """Return what lists say of values as people write them: one row per value that is on a list."""
    if context.indicators is None:
        return []
    moment = pl.Series("@timestamp", [datetime.now(UTC)] * len(values), dtype=pl.Datetime("us", "UTC"))
    columns = [pl.Series(name, values, dtype=pl.String) for name in _ASKED_AS]
    frame = pl.DataFrame([moment, pl.Series("logsource", [""] * len(values)), *columns])
    (marked,) = context.indicators.mark([frame], lambda _: INTERNET)
    if GIVEN[0] not in marked.columns:
        return []
    said = marked.filter(pl.col(GIVEN[0]).is_not_null())
    names = ("asked", "value", "kind", "list", "confidence", "label")
    return [dict(zip(names, row, strict=True)) for row in said.select(_ASKED_AS[0], *GIVEN[:5]).iter_rows()]
