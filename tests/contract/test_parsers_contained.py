"""Hostile values: whatever a stranger writes into one value changes no other, hides no record and reaches no other parser."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from correlator.parse.route import claims
from tests.contract.allowed import AMBIGUOUS, GENERIC
from tests.contract.hostile import ACTION, ADDRESS, HOST, RULE, TEXTS, USER, Place, places, written
from tests.contract.sample_records import PARSERS, Document, Record, ordinary, told

_FREE = (
    "user.name user.target.name user.email user.full_name user.effective.name source.user.name client.user.name "
    "user_agent.original url.original url.full url.path url.query url.domain url.username http.request.referrer file.name "
    "file.path email.subject email.from.address email.to.address email.sender.address dns.question.name source.domain "
    "source.address error.message process.command_line process.args process.executable group.name tls.server_name "
    "tls.client.server_name destination.domain email.attachments.file.name threat.indicator.name resource.name dns.answers.data"
)
_GUARDED = (
    "user.name user.target.name source.ip destination.ip event.outcome event.action host.name observer.name commune rule.id"
)
#: Fields that strangers fill: names they type, what they ask for, send, or run.
FREE = frozenset(_FREE.split())
#: Who, from where, what, with what outcome: what no stranger may say of another field's value.
GUARDED = tuple(_GUARDED.split())
FORGED = (USER, ADDRESS, "203.0.113.252", HOST, ACTION, RULE)
#: A number or an address: nobody chooses letters there.
_NO_TEXT = re.compile(r"[0-9A-Fa-f:.%/ -]+|\W+")


@dataclass(frozen=True, slots=True)
class Trial:
    """One value of one sample record with a hostile text added."""

    trick: str
    fields: frozenset[str]
    value: str
    whole: Record
    spoiled: Record
    events: list[Document]


def _trials(parser: str) -> list[Trial]:
    whole = ordinary(parser)
    events, _ = told(parser, whole)
    return [trial for record, some in zip(whole, events, strict=True) for trial in _of(parser, record, some)]


def _of(parser: str, record: Record, events: list[Document]) -> Iterator[Trial]:
    values: dict[str, set[str]] = {}
    for name, value in ((name, value) for event in events for name, value in event.items() if name in FREE):
        for text in value if isinstance(value, list) else [value]:
            values.setdefault(text, set()).add(name)
    for value, fields in sorted(values.items()):
        if len(value) < 3 or _NO_TEXT.fullmatch(value):
            continue
        for place in places(record.text, value)[:2]:
            for trick, text in TEXTS.items():
                spoiled = _spoiled(parser, place, trick, text, record)
                yield Trial(trick, frozenset(fields), value, record, spoiled, events)


def _spoiled(parser: str, place: Place, trick: str, text: str, record: Record) -> Record:
    made = written(parser, place, text)
    is_cut = len(record.lines) > 1 and trick not in {"lf", "crlf"}
    return Record(tuple(made.split("\n")) if is_cut else (made,), record.before)


def _faults(trial: Trial, events: list[Document]) -> Iterator[str]:
    """Yield what a stranger gained: a record less or more, or a value of another field that his text says."""
    if len(events) != len(trial.events):
        yield f"{len(trial.events)} events became {len(events)}"
        return
    for whole, spoiled in zip(trial.events, events, strict=True):
        for name in GUARDED:
            was, now = whole.get(name), spoiled.get(name)
            if now not in {None, was} and name not in trial.fields and _is_gained(name, was, now, trial.value):
                yield f"{name} was {was!r}, is {now!r}"


def _is_gained(name: str, was: str | None, now: str, value: str) -> bool:
    if name == "event.outcome":  # "unknown" says that a name makes the sentence doubtful
        return now != "unknown"
    if not any(text in now.lower() for text in FORGED):
        return False
    return was is None or not (was.lower() in now.lower() and (was.lower() in value.lower() or value.lower() in was.lower()))


def _is_allowed(parser: str, trial: Trial) -> bool:
    return any((parser, field) in AMBIGUOUS for field in ("*", *trial.fields))


def _owners(batch: list[Record]) -> list[str | None]:
    heads = pl.Series("text", [record.lines[0] for record in batch], dtype=pl.String)
    return claims(heads, pl.Series([True]).new_from_index(0, heads.len()), list(PARSERS.values())).to_list()


def _check(parser: str, trials: list[Trial]) -> None:
    open_trials = [trial for trial in trials if not _is_allowed(parser, trial)]
    if not open_trials:
        return
    events, result = told(parser, [trial.spoiled for trial in open_trials])
    assert result.problems == ()
    faults = [
        (trial.trick, sorted(trial.fields), fault, trial.spoiled.text[:600])
        for trial, some in zip(open_trials, events, strict=True)
        for fault in _faults(trial, some)
    ]
    before, after = _owners([trial.whole for trial in open_trials]), _owners([trial.spoiled for trial in open_trials])
    astray = [
        (trial.trick, sorted(trial.fields), f"went to {now}", trial.spoiled.text[:600])
        for trial, was, now in zip(open_trials, before, after, strict=True)
        if was == parser and now not in {parser, *GENERIC}
    ]
    assert faults + astray == []


@pytest.mark.parametrize("parser", PARSERS)
def test_hostile_values_are_contained(parser: str) -> None:
    """Every value of a parser's ordinary samples that a stranger fills, with every trick."""
    _check(parser, _trials(parser))


@pytest.mark.fuzz
@pytest.mark.parametrize("parser", PARSERS)
def test_lines_of_other_products_are_values_like_any_other(parser: str) -> None:
    """A whole line of every other product, written into values of this one's, reaches no other parser."""
    chance = random.Random(11)  # noqa: S311 - repeatable, not unpredictable
    others = [record.lines[0] for other in PARSERS if other != parser for record in ordinary(other)[:2]]
    trials = [trial for trial in _trials(parser) if trial.trick == "words" and not _is_allowed(parser, trial)]
    if not trials:
        return
    made = []
    for other in others:
        trial = chance.choice(trials)
        place = places(trial.whole.text, trial.value)[0]
        made.append((trial, Record((written(parser, place, " " + other),), trial.whole.before)))
    before, after = _owners([trial.whole for trial, _ in made]), _owners([record for _, record in made])
    pairs = zip(made, before, after, strict=True)
    home = {parser, *GENERIC}
    astray = [(now, record.text[:500]) for (_, record), was, now in pairs if was == parser and now not in home]
    assert astray == []


def test_what_is_allowed_exists() -> None:
    """An exception for a parser that is gone, or without a reason, is no exception."""
    assert [parser for parser, _ in AMBIGUOUS if parser not in PARSERS] == []
    assert all(AMBIGUOUS.values())
