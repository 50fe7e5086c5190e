"""A new rule from a sample of its log source: a selection that holds, the line it finds, and the same line changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from correlator.detect.engine import detect
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.detect.scaffold import Head, Proof, rule_path, rule_text, test_text
from correlator.errors import InputError, Problem
from correlator.harness.golden import cases, samples_of
from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import LogSource
from correlator.model.raw import RAW, record_id
from correlator.model.rule import RuleText
from correlator.parse.contract import Parser
from correlator.parse.engine import read

_RECEIVED = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
_LONGEST_LINE, _LONGEST_VALUE, _SHORTEST_VALUE = 4_000, 80, 3
_PREFERRED = ("CommandLine", "Image", "cs-uri-stem", "event.action", "EventID", "action", "eventName", "message")
_OTHER = "something-else"
#: Fields of every Windows record: they say nothing of what happened.
_DULL_NAMES = """
ActivityID CallTrace Channel Computer EventRecordID Execution_ProcessID Execution_ThreadID Keywords Level Opcode ProcessGuid
Provider_Guid Provider_Name RuleName Security_UserID SystemTime Task UtcTime Version
"""
_DULL = frozenset(_DULL_NAMES.split())
_ODD = {"broken", "odd", "unusual", "shapes", "carriers"}  # samples that show what is rare: taken last


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule and its test, ready to be written below a folder."""

    path: Path
    rule: str
    test: str
    fields: tuple[str, ...]

    @property
    def test_path(self) -> Path:
        """Where the test lies: beside the rule."""
        return self.path.with_suffix(".test")


@dataclass(frozen=True, slots=True)
class _Sample:
    """One raw line that gives an event of the log source, and that event as in the golden."""

    parser: Parser
    line: str
    event: Mapping[str, Any]


def draft(head: Head, given: Mapping[str, str], parsers: Mapping[str, Parser], folder: Path) -> Draft:
    """Return the rule of ``head`` below ``folder``; its selection is ``given``, else taken from a sample that ships.

    Raises InputError when no parser gives the log source.
    """
    able = [parser for parser in parsers.values() if any(source.feeds(head.logsource) for source in parser.log_sources)]
    if not able:
        raise InputError([_unknown(head.logsource, parsers)])
    path = folder / rule_path(head.title, head.logsource)
    samples = list(_samples(head.logsource, able))
    selection, proof = _proved(head, given, samples) or (given or _guess(able[0]), Proof(able[0].name))
    fields = _fields(samples, able)
    text = rule_text(head, selection, [name for name in fields if name not in {key.partition("|")[0] for key in selection}])
    return Draft(path, text, test_text(path.stem, proof), fields)


def write(made: Draft) -> None:
    """Write the rule and its test. Raises InputError when one of them is there: it says what it holds, and stays as it is."""
    there = [path for path in (made.path, made.test_path) if path.exists()]
    if there:
        raise InputError(
            Problem(str(path), 0, f"is there already{_told(path)}", "edit it, or give another --title") for path in there
        )
    try:
        made.path.parent.mkdir(parents=True, exist_ok=True)
        for path, text in ((made.path, made.rule), (made.test_path, made.test)):
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise InputError(
            [Problem(str(error.filename), 0, f"cannot be written: {error.strerror}", "a folder of yours, --in")]
        ) from None


def _told(path: Path) -> str:
    if path.suffix != ".yml":
        return ""
    loaded = load_rules([RuleText(str(path), path.read_text(encoding="utf-8", errors="replace"))])
    return "".join(f": {rule.title!r}, id {rule.id}" for rule in loaded.ruleset.rules[:1])


def _unknown(source: LogSource, parsers: Mapping[str, Parser]) -> Problem:
    known = sorted({str(one) for parser in parsers.values() for one in parser.log_sources})
    near = [
        one
        for one in known
        if any(part and part in one.split("/") for part in (source.product, source.category, source.service))
    ]
    expected = f"for example {', '.join(near[:8] or known[:8])}; `tocsin parsers list` shows all"
    return Problem("--product, --category, --service", 0, f"no parser gives {source}", expected)


def _samples(source: LogSource, parsers: list[Parser]) -> Iterator[_Sample]:
    """Yield the lines of the parsers' samples that feed ``source``, one event each."""
    for parser in parsers:
        for case in sorted(
            cases(parser.name, samples_of(parser)), key=lambda case: (case.name != "ordinary", case.name in _ODD)
        ):
            lines = case.sample.read_text(encoding="utf-8", errors="replace").split("\n")
            for event in map(orjson.loads, case.golden.read_bytes().splitlines() if case.golden.exists() else ()):
                triples = map(LogSource.parse, str(event.get("logsource") or "").split())
                line = lines[event["log.line"] - 1] if 0 < event.get("log.line", 0) <= len(lines) else ""
                if any(one.feeds(source) for one in triples) and _fits_a_script(line):
                    yield _Sample(parser, line, event)


def _fits_a_script(line: str) -> bool:
    return 0 < len(line) <= _LONGEST_LINE and line.isprintable() and line == line.strip() and not line.endswith("\\")


def _proved(head: Head, given: Mapping[str, str], samples: list[_Sample]) -> tuple[Mapping[str, str | int], Proof] | None:
    """Return a selection that finds a line, with that line and one that it does not find."""
    for sample in samples:
        for selection, hit, near_miss in [_spliced(sample, given)] if given else _selections(sample):
            rules = load_rules([RuleText("new.yml", rule_text(head, selection, ()))]).ruleset
            if rules.rules and _finds(rules, sample.parser, hit) is True:
                others = (other.line for other in samples if other.parser is sample.parser)
                near = next((line for line in (near_miss, *others) if _finds(rules, sample.parser, line) is False), "")
                return selection, Proof(sample.parser.name, hit, near)
    return None


def _spliced(sample: _Sample, given: Mapping[str, str]) -> tuple[Mapping[str, str | int], str, str]:
    """Return the tests ``given``, the line of the sample with their values put in, and the line as it was."""
    line = sample.line
    for key, value in given.items():
        old = str(sample.event.get(key.partition("|")[0], ""))
        written = _written(old, line)
        if written:
            line = line.replace(written, orjson.dumps(value).decode()[1:-1] if line.startswith("{") else value)
    return given, line, sample.line


def _written(value: str, line: str) -> str:
    """Return ``value`` as it stands in ``line``, plain or with the escapes of JSON; empty when it does not."""
    forms = (value, orjson.dumps(value).decode()[1:-1])
    return next((form for form in forms if form and form in line), "")


def _selections(sample: _Sample) -> Iterator[tuple[Mapping[str, str | int], str, str]]:
    """Yield selections that ask for one thing of the sample, each with the line and the line without that thing."""
    own = sorted(name for name in sample.event if name not in RESERVED and name not in ECS and name not in _DULL)
    for name in (*_PREFERRED, *own):
        value = sample.event.get(name)
        if not isinstance(value, str | int) or isinstance(value, bool):
            continue
        key, asked = _item(name, str(value))
        written = _written(asked, sample.line)
        if written and _SHORTEST_VALUE <= len(asked) <= _LONGEST_VALUE and not set("*?%") & set(asked):
            whole = int(asked) if name == "EventID" and asked.isdecimal() else asked
            yield {key: whole}, sample.line, sample.line.replace(written, _changed(asked))


def _item(name: str, value: str) -> tuple[str, str]:
    if name == "Image":
        separator = "\\" if "\\" in value else "/"
        return "Image|endswith", separator + value.rpartition(separator)[2]
    if name == "CommandLine":
        return "CommandLine|contains", value.rsplit(maxsplit=1)[-1].strip("'\"") if value.split() else ""
    if name == "message":
        return "message|startswith", " ".join(value.split()[:2])
    return name, value


def _changed(asked: str) -> str:
    """Return another value of the same kind."""
    return str(int(asked) + 1) if asked.isdecimal() else _OTHER


def _finds(rules: RuleSet, parser: Parser, line: str) -> bool | None:
    """Say whether the rule finds the line, read alone by ``parser``; None when the line gives no event."""
    row = {
        "id": record_id(parser.name, "new", 1), "source": parser.name, "stream": "new", "offset": 1, "received": _RECEIVED,
        "path": "new", "line": 1, "text": line, "flags": 0,
    }  # fmt: skip
    events = read(pl.DataFrame([row], schema=RAW), {parser.name: parser}, forced={parser.name: parser.name}, final=True).events
    return detect(rules, events).height > 0 if events else None


def _guess(parser: Parser) -> dict[str, str]:
    named = [
        *(name for name in _PREFERRED if name in parser.fields),
        *sorted(name for name in parser.fields if "*" not in name),
    ]
    return {next(iter(named), "message"): "a value to be written"}


def _fields(samples: list[_Sample], parsers: list[Parser]) -> tuple[str, ...]:
    """Return the fields of the log source: those that samples have first, then the others that its parsers name."""
    seen = dict.fromkeys(name for sample in samples for name in sorted(sample.event) if name not in RESERVED)
    named = dict.fromkeys(name for parser in parsers for name in sorted(parser.fields) if "*" not in name)
    return tuple(sorted((name for name in seen | named if name not in {"log.line", "reject"}), key=_dullness))


def _dullness(name: str) -> tuple[bool, bool]:
    """Return what sorts the fields of the source itself before those of ECS, and the telling ones before the others."""
    return name in ECS, name in _DULL
