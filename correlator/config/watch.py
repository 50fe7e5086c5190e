"""``watch.toml``: what the watcher on another machine needs, and nothing else: no database, no estate, no rules.

::

    install = "sim9"                       # named in the messages
    state = "/var/lib/tocsin-watch/state.json"
    ladder = ["astreinte", "rssi"]
    sinks = ["sms"]

    [[sink]]
    name = "sms"
    kind = "sms"
    via = "gammu"
    spool = "/var/spool/gammu"

    [[contact]]
    id = "astreinte"
    name = "Paul Martin"
    phone = "+33612345678"
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from correlator.config.estate_values import TimeZone, Word, Words
from correlator.config.toml_reader import Entry, TomlReader, read_text
from correlator.model.estate import Contact

Seconds = Annotated[float, Field(gt=0, le=86_400, description="a number of seconds")]


class _Sink(Entry):
    model_config = ConfigDict(extra="allow", frozen=True)

    name: Word
    kind: Word


class _Contact(Entry):
    id: Word
    name: Word
    function: str = ""
    phone: str = ""
    mail: str = ""


class WatchSettings(Entry):
    """What stands outside the tables."""

    install: Word = "tocsin"
    time_zone: TimeZone = "Europe/Paris"
    state: Path
    ladder: Words
    sinks: Words
    every_s: Seconds = 20.0
    unhealthy_after_s: Seconds = 120.0
    timeout_s: Seconds = 10.0
    repeat_minutes: Annotated[float, Field(ge=1, le=240, description="a number of minutes")] = 10.0
    tries: Annotated[int, Field(ge=1, le=20, description="a number from 1 to 20")] = 3
    ca_file: Path | None = None


class Watch(Entry):
    """The whole file: settings, the ladder's people in order, sink name → its own settings."""

    settings: WatchSettings
    people: tuple[Contact, ...]
    sinks: dict[str, dict[str, Any]]


def load_watch(path: Path) -> Watch:
    """Return what the file at ``path`` says; relative paths in it are relative to it.

    Raises InputError with every fault, each with its line.
    """
    reader = TomlReader(str(path), read_text(path, "a watch file"), {"sink": _Sink, "contact": _Contact})
    root, tables = reader.root(WatchSettings), reader.all_sections()
    sinks = {one.name: {"kind": one.kind, **(one.model_extra or {})} for one in tables["sink"].values()}
    people = {one.id: Contact(**dict(one)) for one in tables["contact"].values()}
    for key, kind, words in (("ladder", "contact", people), ("sinks", "sink", sinks)):
        for index, word in enumerate(getattr(root, key, ())):
            reader.known((key, index), kind, word, words, f"add a [[{kind}]]")
        if root is not None and not getattr(root, key):
            reader.problem((key,), f"{key} is empty", "somebody must be reached, through something")
    reader.raise_problems()
    if root is None:  # its faults were raised above
        raise AssertionError
    placed = root.model_copy(update={"state": path.parent / root.state, "ca_file": root.ca_file and path.parent / root.ca_file})
    return Watch(settings=placed, people=tuple(people[name] for name in root.ladder), sinks=sinks)
