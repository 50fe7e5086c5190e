"""What a mute asks of an event's own fields, answered by the engine that runs rules: one meaning, not two.

The event is the document kept with a detection, so that the answer is the same in ``tocsin run`` and behind Kafka. A value that
was too long to be kept whole is none: what cannot be judged is shown.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
import polars as pl
import yaml

from correlator.detect.engine import detect
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.detect.report import Loaded
from correlator.errors import Problem
from correlator.model.event import ECS
from correlator.model.mute import Scope, sigma_text
from correlator.model.rule import RuleText

#: How a field may be compared; Sigma has more, which read what people do not mean when they point at a field of an event.
MODIFIERS = ("contains", "startswith", "endswith")
#: Hides nothing by itself: a rule around the selection, so that the engine can be asked.
_AROUND = {
    "title": "Fields of a mute",
    "id": "00000000-0000-4000-8000-000000000000",
    "status": "test",
    "logsource": {"category": "any"},
    "level": "low",
}


def fits(findings: pl.DataFrame, scope: Scope) -> pl.Series:
    """Return for each of ``findings`` (frame FINDING) whether the event it was made of has what ``scope.fields`` ask."""
    rules, names = _selection(scope.fields)
    events = events_of(findings.get_column("document"), names)
    rows = detect(rules, [events], any_logsource=True).get_column("row")
    return pl.int_range(findings.height, eager=True).is_in(rows.unique().cast(pl.Int64).implode())


def selection_of(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the Sigma selection that says the same as ``fields``."""
    return {name: sigma_text(value) for name, value in fields}


def problems_of(fields: Sequence[tuple[str, str]]) -> tuple[Problem, ...]:
    """Return what is wrong with ``fields``; nothing: the engine can ask them."""
    if not fields:
        return ()
    names = [name for name, _ in fields]
    found = [_wrong(name, value) for name, value in fields]
    found += [f"{name} is asked twice" for name in sorted({name for name in names if names.count(name) > 1})]
    told = tuple(Problem("mute", 0, what, "Image=C:\\x.exe, CommandLine|contains=nightly") for what in found if what)
    return told or _read(tuple(fields)).problems


def _wrong(name: str, value: str) -> str:
    field, *modifiers = name.split("|")
    if not field or not value.strip("* "):
        return f"{name!r} asks nothing"
    if unknown := [one for one in modifiers if one not in MODIFIERS]:
        return f"unknown way to compare {field}: {unknown[0]!r}; {', '.join(MODIFIERS)}"
    return ""


def events_of(documents: pl.Series, names: frozenset[str]) -> pl.DataFrame:
    """Return the named fields of event documents as columns, typed as events are: what rules can be asked about."""
    read = [orjson.loads(text) if text else {} for text in documents]
    return pl.DataFrame([_column(name, read) for name in sorted(names)] or [pl.Series("none", [None] * len(read))])


def _column(name: str, events: Sequence[Mapping[str, Any]]) -> pl.Series:
    values = [None if name in event.get("cut", ()) else event.get(name) for event in events]
    if name in ECS:
        return pl.Series(name, values, dtype=ECS[name], strict=False)
    if any(isinstance(value, list) for value in values):
        listed = [value if value is None or isinstance(value, list) else [value] for value in values]
        return pl.Series(name, listed, dtype=pl.List(pl.String), strict=False)
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


@lru_cache(maxsize=256)
def _selection(fields: tuple[tuple[str, str], ...]) -> tuple[RuleSet, frozenset[str]]:
    loaded = _read(fields)
    return loaded.ruleset, loaded.ruleset.fields


def _read(fields: tuple[tuple[str, str], ...]) -> Loaded:
    document = {**_AROUND, "detection": {"selection": selection_of(fields), "condition": "selection"}}
    return load_rules([RuleText("mute", yaml.safe_dump(document, allow_unicode=True))])
