"""Find the sinks: the listing of a folder is the catalogue, there is nothing to register.

Scanned are the bundled package ``sinks``, then the entry points ``tocsin.sinks`` of installed distributions. The engine names
no sink anywhere.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module, metadata
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from correlator.deliver.contract import Sink, SinkKind
from correlator.errors import InputError, Problem

#: Entry-point group of distributions that bring sinks: each entry names a module with a ``SINK``.
ENTRY_POINTS = "tocsin.sinks"


def find_sinks(packages: Sequence[str] = ("sinks",)) -> dict[str, SinkKind]:
    """Return every kind of sink by name, in the order of their names.

    Raises InputError with every module that has no ``SINK``, cannot be imported, or takes a name that is taken.
    """
    found: dict[str, SinkKind] = {}
    problems: list[Problem] = []
    for path, module in _modules(packages, problems):
        sink = getattr(module, "SINK", None)
        if not isinstance(sink, SinkKind):
            problems.append(Problem(path, 0, "no SINK in this module", "write `SINK = SinkKind(kind=…, make=…)`"))
        elif sink.kind in found:
            problems.append(Problem(path, 0, f"the kind {sink.kind!r} is taken", "give it another name"))
        else:
            found[sink.kind] = sink
    if problems:
        raise InputError(problems)
    return dict(sorted(found.items()))


def make_sinks(
    kinds: Mapping[str, SinkKind], configured: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any] | None = None
) -> dict[str, Sink]:
    """Return the configured sinks by name; each has a ``kind`` and that kind's own settings.

    ``known`` is what the install knows (``public_url``, ``time_zone``, ``communes``): kinds that need it get it.
    Raises InputError with every fault of every sink.
    """
    made: dict[str, Sink] = {}
    problems: list[Problem] = []
    for name, settings in configured.items():
        kind = str(settings.get("kind", ""))
        own = {key: value for key, value in settings.items() if key not in {"kind", "name"}}
        try:
            chosen = _kind(kinds, name, kind)
            shared = {key: value for key, value in (known or {}).items() if key in chosen.needs}
            made[name] = chosen.make(name, {**shared, **own})
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return made


def manual_of(kind: SinkKind) -> str:
    """Return the manual page of a sink: the docstring of its module."""
    return (sys.modules[kind.make.__module__].__doc__ or "").strip()


def _kind(kinds: Mapping[str, SinkKind], name: str, kind: str) -> SinkKind:
    if kind in kinds:
        return kinds[kind]
    near = get_close_matches(kind, kinds, n=1)
    expected = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(kinds)}"
    raise InputError([Problem(f"sink {name}", 0, f"unknown kind {kind!r}", expected)])


def _modules(packages: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, ModuleType]]:
    names = [f"{package}.{one.name}" for package in packages for one in iter_modules(import_module(package).__path__)]
    names += [entry.module for entry in metadata.entry_points(group=ENTRY_POINTS)]
    for name in names:
        try:
            module = import_module(name)
        except Exception as error:  # noqa: BLE001 - one broken sink must be named beside the others, whatever it raises
            problems.append(Problem(name, 0, f"cannot be imported: {error!r}", "mend or remove it"))
            continue
        yield str(module.__file__ or name), module
