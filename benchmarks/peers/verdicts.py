"""Verdicts compared: which (rule, event) pairs a peer misses or has too many, rule by rule, each with its likely reason.

A reason is read from the rule and the events, in the order of ``_REASONS``: the first that fits. What none fits is "other" and
has to be looked at.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from correlator.model.logsource import LogSource

Pair = tuple[str, int]
Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One rule that a peer judges differently for some events: ``events`` flat, ``sources`` what they feed."""

    rule: Rule
    extra: bool  # the peer has them and Tocsin has not
    refused: bool
    events: Sequence[Mapping[str, Any]]
    sources: Sequence[str]

    def items(self) -> Iterator[tuple[str, object]]:
        """Yield field with modifiers, and values, of the rule."""
        yield from _items(self.rule["detection"])

    def says(self, *modifiers: str) -> bool:
        """Say whether a field of the rule has one of ``modifiers``."""
        return any(part in modifiers for field, _ in self.items() for part in field.split("|")[1:])


def _items(node: object) -> Iterator[tuple[str, object]]:
    if isinstance(node, dict):
        for name, below in node.items():
            if isinstance(below, (dict, list)) and _holds_maps(below):
                yield from _items(below)
            else:
                yield str(name), below
    elif isinstance(node, list):
        for below in node:
            yield from _items(below)


def _holds_maps(node: object) -> bool:
    return isinstance(node, dict) or (isinstance(node, list) and any(isinstance(below, dict) for below in node))


def _texts(value: object) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def _fails_open(case: Case) -> bool:
    wanted = LogSource(**{key: case.rule["logsource"].get(key, "") for key in ("product", "category", "service")})
    fed = ([LogSource.parse(triple) for triple in source.split()] for source in case.sources)
    return case.extra and not any(one.feeds(wanted) for sources in fed for one in sources)


def _single_wildcard_at_end(case: Case) -> bool:
    return any("endswith" in field.split("|") and any("?" in text for text in _texts(value)) for field, value in case.items())


def _keywords(case: Case) -> bool:
    selections = [below for name, below in case.rule["detection"].items() if name != "condition"]
    listed = any(isinstance(below, list) and not _holds_maps(below) for below in selections)
    return listed or any(field.startswith("|") for field, _ in case.items())


def _asked(case: Case) -> frozenset[str]:
    return frozenset(field.split("|")[0] for field, _ in case.items())


def _list_value(case: Case) -> bool:
    asked = _asked(case)
    return any(isinstance(event.get(name), list) for event in case.events for name in asked)


def _wildcard_across_lines(case: Case) -> bool:
    starred = any("*" in text for _, value in case.items() for text in _texts(value))
    return starred and all(any("\n" in str(value) for value in event.values()) for event in case.events)


def _not_ascii(case: Case) -> bool:
    return any(not text.isascii() for _, value in case.items() for text in _texts(value))


_REASONS: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("refused by the peer", lambda case: case.refused and not case.extra),
    ("routing fails open", _fails_open),
    (
        "Channel is data's too",
        lambda case: any("System_Channel" in event or event.get("EventID") == "104" for event in case.events),
    ),
    ("endswith with ?", _single_wildcard_at_end),
    ("* across lines", _wildcard_across_lines),
    ("windash", lambda case: case.says("windash")),
    ("cidr", lambda case: case.says("cidr")),
    ("fieldref", lambda case: case.says("fieldref")),
    ("base64offset", lambda case: case.says("base64offset", "base64")),
    ("keywords", _keywords),
    ("list value", _list_value),
    ("beyond ASCII", _not_ascii),
    ("regex", lambda case: case.says("re")),
    ("name with blank", lambda case: any(re.search(r"[ _]", name) for name in _asked(case))),
)


def reason(case: Case) -> str:
    """Return the likely reason of a difference."""
    return next((name for name, fits in _REASONS if fits(case)), "other")


def read_rules(folder: Path) -> dict[str, tuple[str, Rule]]:
    """Return file name and content of every rule below ``folder``, by rule id."""
    found = {}
    for path in sorted(folder.rglob("*.yml")):
        rule = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        found[rule["id"]] = path.name, rule
    return found


def read_pairs(file: Path, numbers: Mapping[str, int] | None = None) -> set[Pair]:
    """Return the verdicts in ``file``; ``numbers`` gives the line of an event id, where events are named by id."""
    split = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return {(rule, int(event) if numbers is None else numbers[event]) for rule, event in split}


def differences(
    ours: Collection[Pair],
    theirs: Collection[Pair],
    rules: Mapping[str, tuple[str, Rule]],
    refused: Collection[str],
    corpus: Path,
) -> list[dict[str, Any]]:
    """Return the rules whose verdicts differ: id, file, how many are missing and extra, likely reason, first lines.

    ``refused`` are files of rules that the peer did not load; ``corpus`` the flat events (without its ending).
    """
    lines = Path(f"{corpus}.jsonl").read_bytes().splitlines()
    sources = Path(f"{corpus}.sources").read_text(encoding="utf-8").splitlines()
    found = []
    for extra, pairs in ((False, set(ours) - set(theirs)), (True, set(theirs) - set(ours))):
        by_rule: dict[str, list[int]] = defaultdict(list)
        for identity, line in pairs:
            by_rule[identity].append(line)
        for identity, numbers in by_rule.items():
            name, rule = rules[identity]
            some = sorted(numbers)[:50]
            events = [orjson.loads(lines[line - 1]) for line in some]
            case = Case(rule, extra, name in refused, events, [sources[line - 1] for line in some])
            said = {"rule": identity, "file": name, "events": len(numbers), "what": "extra" if extra else "missing"}
            found.append({**said, "reason": reason(case), "lines": some[:3]})
    return sorted(found, key=lambda one: (one["what"], -one["events"], one["file"]))
