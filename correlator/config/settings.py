"""Settings: ``tocsin.toml``, then ``TOCSIN_*`` of the environment; every field's docstring is its documentation."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from correlator.config.estate_values import MaybeDuration
from correlator.config.known_keys import Location, known_keys, untagged
from correlator.config.sections.board import BoardSettings
from correlator.config.sections.collectors import CollectorSettings
from correlator.config.sections.console import ConsoleSettings
from correlator.config.sections.enriching import EnrichSettings
from correlator.config.sections.keeping import BackupSettings, DiskSettings, RetentionSettings
from correlator.config.sections.listeners import Input, JournalSettings, ListenerSettings, contradictions, declared
from correlator.config.sections.oncall import OnCallSettings
from correlator.config.sections.proof import ProofSettings
from correlator.config.sections.rules import RuleSetSettings
from correlator.config.sections.scale import KafkaSettings
from correlator.config.sections.triage import TriageSettings
from correlator.config.strict import Strict, known_zone, without_password
from correlator.config.toml_lines import key_lines
from correlator.errors import InputError, Problem
from correlator.model.proof import SOURCE as PROOFS

Section = TypeVar("Section", bound=Strict)
#: Looked for, in this order, when no ``--config`` is given.
DEFAULT_PATHS = (Path("tocsin.toml"), Path("/etc/tocsin/tocsin.toml"))
#: Settings of sinks that name a file.
_SINK_FILES = frozenset({"path", "secret_file", "password_file", "key_file", "ca_file", "spool"})
#: Environment variable → top-level key that it replaces.
ENVIRONMENT = {
    "TOCSIN_DATA_DIR": "data_dir",
    "TOCSIN_INSTALL": "install",
    "TOCSIN_ESTATE": "estate",
    "TOCSIN_DATABASE_URL": "database_url",
}
#: Settings whose wrong values may hold a password.
_SECRET = frozenset({"database_url"})


class SourceSettings(Strict):
    """One followed input: ``[[source]]``."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name shown on events and in positions; unique."""
    paths: tuple[str, ...] = Field(min_length=1)
    """Files or glob patterns to follow; rotated and compressed siblings are found by content."""
    parser: str = "auto"
    """Name of the parser, or ``auto``."""
    time_zone: str = "Europe/Paris"
    """IANA zone of times without offset."""
    commune: str = ""
    """Id of the commune that owns this source; empty: attributed event by event."""
    lateness: MaybeDuration = None
    """How late its records may come (``"15min"``, ``"6h"``); without: as the estate says, else what is usual for them."""
    idle: MaybeDuration = None
    """After how long without a record it holds no correlation back; without: two minutes."""
    silent_after: MaybeDuration = None
    """After how long without a record its silence is an incident; without: learnt from its hours of the weeks before."""

    _check_zone = field_validator("time_zone")(known_zone)


class SinkSettings(BaseModel):
    """One destination: ``[[sink]]``; the keys after ``kind`` are the sink's own, see ``tocsin sinks list``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1)
    """Name shown in the outbox; unique."""
    kind: str = Field(min_length=1)
    """``file``, ``webhook``, ``redmine`` …: `tocsin sinks list` shows them."""

    @property
    def own(self) -> Mapping[str, Any]:
        """Return the sink's own settings, ``kind`` included."""
        return {"kind": self.kind, **(self.model_extra or {})}


class Settings(Strict):
    """Everything an install can set. Relative paths are relative to the file they stand in."""

    install: str = Field(default="tocsin", min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name of this install; part of external ids (``<install>:26-0412``)."""
    data_dir: Path = Path("data")
    """Where the database, the lake and the caches live. Without a settings file: below the user's state folder."""
    estate: Path | None = None
    """The estate file; without it every event is ``unattributed``."""
    rules: tuple[Path, ...] = ()
    """Folders or files of your own rules, all of which run; empty: the rules that ship with Tocsin."""
    parsers_dir: Path | None = None
    """Folder of site parsers (*.py); its code is run, so it must belong to root."""
    time_zone: str = "Europe/Paris"
    """Zone of the times people read."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the Prometheus metrics and of ``/health``; 0: none."""
    metrics_host: str = "127.0.0.1"
    """Address of that port: one that the machine of ``tocsin watch`` can reach, and nobody else."""
    source: tuple[SourceSettings, ...] = ()
    sink: tuple[SinkSettings, ...] = ()
    listener: tuple[ListenerSettings, ...] = ()
    collector: tuple[CollectorSettings, ...] = ()
    rule_set: tuple[RuleSetSettings, ...] = ()
    journal: JournalSettings = JournalSettings()
    triage: TriageSettings = TriageSettings()
    console: ConsoleSettings = ConsoleSettings()
    oncall: OnCallSettings = OnCallSettings()
    board: BoardSettings = BoardSettings()
    retention: RetentionSettings = RetentionSettings()
    disk: DiskSettings = DiskSettings()
    backup: BackupSettings = BackupSettings()
    kafka: KafkaSettings = KafkaSettings()
    proof: ProofSettings = ProofSettings()
    enrich: EnrichSettings = EnrichSettings()
    database_url: str = Field(default="", repr=False)
    """PostgreSQL instead of the SQLite file: postgresql+psycopg://user@host/name; its password comes from ~/.pgpass."""

    _check_zone = field_validator("time_zone")(known_zone)
    _check_url = field_validator("database_url")(without_password)

    @property
    def database(self) -> Path:
        """Return the path of the SQLite database."""
        return self.data_dir / "tocsin.db"

    @property
    def lake(self) -> Path:
        """Return the folder of the lake."""
        return self.data_dir / "lake"

    @property
    def cache(self) -> Path:
        """Return the folder of compiled plans."""
        return self.data_dir / "cache"

    @property
    def rule_sets_dir(self) -> Path:
        """Return the folder of the rule sets that `tocsin rules update` took."""
        return self.data_dir / "rulesets"

    @property
    def journal_dir(self) -> Path:
        """Return the folder of the journal that listeners write."""
        return self.data_dir / "journal"

    @property
    def inputs(self) -> list[Input]:
        """Return what is declared of every source, followed or listened to."""
        named: list[SourceSettings | CollectorSettings] = [*self.source, *self.collector]
        own = [Input(PROOFS, "", "linux_syslog", self.time_zone)] if self.follows_proofs else []
        return [*(_input(one) for one in named), *declared(self.listener), *own]

    @property
    def follows_proofs(self) -> bool:
        """Say whether the daily proofs come by a followed file of Tocsin's own."""
        return bool(self.proof.at) and not self.proof.door

    @property
    def sinks(self) -> dict[str, Mapping[str, Any]]:
        """Return sink name → its settings."""
        return {sink.name: sink.own for sink in self.sink}


def _input(one: SourceSettings | CollectorSettings) -> Input:
    return Input(one.name, one.commune, one.parser, one.time_zone, one.lateness, one.idle, one.silent_after)


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of ``path``, of the first default path that exists, or the defaults.

    Raises InputError with every fault of the file, each with its line.
    """
    chosen = settings_file(path)
    text = _read(chosen) if chosen else ""
    values = _parse(str(chosen), text) if chosen else {"data_dir": _state_folder(environ)}
    values.update({key: environ[name] for name, key in ENVIRONMENT.items() if name in environ})
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise InputError([_problem(str(chosen), text, fault) for fault in error.errors()]) from None
    _check_names(str(chosen), text, settings)
    return _anchored(settings, chosen.parent if chosen else Path())


def settings_file(path: Path | None = None) -> Path | None:
    """Return ``path``, or the first default path that exists; None: there is no settings file."""
    return path or next((candidate for candidate in DEFAULT_PATHS if _is_there(candidate)), None)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder this user may not look into: `sudo -u tocsin` from somebody's home
        return False


def _state_folder(environ: Mapping[str, str]) -> str:
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/var/tmp"), ".local/state"))  # noqa: S108 - no home: a daemon's fallback
    return str(Path(home, "tocsin"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError([Problem(str(path), 0, error.strerror or str(error), "write one with 'tocsin init DIR'")]) from None
    except UnicodeDecodeError:
        raise InputError([Problem(str(path), 0, "not UTF-8 text", "save the file as UTF-8")]) from None


def _parse(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = text[: getattr(error, "pos", 0)].count("\n") + 1 if hasattr(error, "pos") else _line_in(str(error))
        raise InputError(
            [Problem(path, line, f"not TOML: {error}", 'see toml.io; for example: data_dir = "/var/lib/tocsin"')]
        ) from None


def _line_in(message: str) -> int:
    digits = message.partition("at line ")[2].split(",")[0]
    return int(digits) if digits.isdigit() else 0


def _problem(path: str, text: str, fault: Any) -> Problem:  # noqa: ANN401 - pydantic's error dictionaries
    location = untagged(Settings, tuple(fault["loc"]))
    key = ".".join(str(part) for part in location)
    line = _line(text, location)
    if fault["type"] == "extra_forbidden":
        return Problem(path, line, f"unknown setting {key!r}", _suggestion(tuple(fault["loc"])))
    if fault["type"] == "missing":
        return Problem(path, line, f"{key}: {fault['msg']}", f"write it in the table that begins here: {location[-1]} = ...")
    is_hidden = key in _SECRET or isinstance(fault["input"], dict)  # a whole table may hold a password
    return Problem(path, line, f"{key}: {fault['msg']}", "its value is not shown" if is_hidden else f"got {fault['input']!r}")


def _line(text: str, location: Location) -> int:
    """Return the line of ``location``, or of the nearest table above it; 0 when nothing of it stands in the text."""
    lines = key_lines(text)
    prefixes = (location[:length] for length in range(len(location), 0, -1))
    return next((lines[prefix] for prefix in prefixes if prefix in lines), 0)


def _suggestion(location: Location) -> str:
    known = known_keys(Settings, location)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def _named(
    settings: Settings,
) -> tuple[tuple[str, Sequence[SourceSettings | SinkSettings | ListenerSettings | RuleSetSettings | CollectorSettings]], ...]:
    """Return the tables whose entries have names, each unique in its table."""
    return (
        ("source", settings.source), ("sink", settings.sink), ("listener", settings.listener), ("rule_set", settings.rule_set),
        ("collector", settings.collector),
    )  # fmt: skip


def _shared(settings: Settings) -> Iterator[tuple[str, int, str, str]]:
    """Yield (table, index, name, other table) of each name that tables of inputs share: whose records they are is its sense."""
    taken = {source.name: "source" for source in settings.source}
    for index, listener in enumerate(settings.listener):
        names = {listener.name, *(sender.source for sender in listener.sender)}
        yield from (("listener", index, name, taken[name]) for name in sorted(names & taken.keys()))
    taken |= {one.name: "listener" for one in declared(settings.listener) if one.name not in taken}
    for index, collector in enumerate(settings.collector):
        if collector.name in taken:
            yield "collector", index, collector.name, taken[collector.name]


def _check_names(path: str, text: str, settings: Settings) -> None:
    problems = []
    for table, entries in _named(settings):
        names = [entry.name for entry in entries]
        problems += [
            Problem(path, _line(text, (table, index, "name")), f"{table} name {name!r} is used twice", "give each its own name")
            for index, name in enumerate(names)
            if name in names[:index]
        ]
    problems += [
        Problem(path, _line(text, (table, index)), f"{name!r} is a [[{other}]] too", "give each its own name")
        for table, index, name, other in _shared(settings)
    ]
    problems += [
        Problem(path, _line(text, ("listener", number, "sender", index, "source")), f"source {name!r} is declared in two ways",
                "the same commune, parser and time_zone wherever it is named")
        for number, index, name in contradictions(settings.listener)
    ]  # fmt: skip
    sinks = {sink.name for sink in settings.sink}
    problems += [
        Problem(
            path, _line(text, ("oncall", "sinks")), f"unknown sink {name!r}", f"known: {', '.join(sorted(sinks)) or 'none'}"
        )
        for name in settings.oncall.messengers
        if name not in sinks
    ]
    if problems:
        raise InputError(problems)


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Return the settings with relative paths made relative to ``folder``."""

    def anchor(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    return settings.model_copy(
        update={
            "data_dir": anchor(settings.data_dir),
            "estate": anchor(settings.estate),
            "listener": tuple(_with_paths(one, folder) for one in settings.listener),
            "collector": tuple(_with_paths(one, folder) for one in settings.collector),
            "console": _with_paths(settings.console, folder),
            "board": _with_paths(settings.board, folder),
            "kafka": _with_paths(settings.kafka, folder),
            "backup": _with_paths(settings.backup, folder),
            "parsers_dir": anchor(settings.parsers_dir),
            "enrich": settings.enrich.anchored(folder),
            "rules": tuple(folder / path for path in settings.rules),
            "source": tuple(_anchored_source(source, folder) for source in settings.source),
            "rule_set": tuple(_with_paths(one, folder) for one in settings.rule_set),
            "sink": tuple(_anchored_sink(sink, folder) for sink in settings.sink),
        }
    )


def _with_paths(section: Section, folder: Path) -> Section:
    """Return the section with every path in it made relative to ``folder``."""
    paths = {name: folder / value for name in type(section).model_fields if isinstance(value := getattr(section, name), Path)}
    return section.model_copy(update=paths)


def _anchored_source(source: SourceSettings, folder: Path) -> SourceSettings:
    """Return the source with its patterns made relative to ``folder``, whose own name is no pattern."""
    return source.model_copy(update={"paths": tuple(str(Path(escape(str(folder)), path)) for path in source.paths)})


def _anchored_sink(sink: SinkSettings, folder: Path) -> SinkSettings:
    """Return the sink with those of its own settings that name files made relative to ``folder``."""
    own = {key: str(folder / str(value)) for key, value in sink.own.items() if key in _SINK_FILES}
    return SinkSettings.model_validate({"name": sink.name, **sink.own, **own})
