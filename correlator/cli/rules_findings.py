"""Findings about rules as text, as rows, as annotations of a forge's pipeline."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.detect.lints import Finding
    from correlator.runtime.linting import Checked

_FIRST = 3  # places shown of a lint
_MOST_TOPICS = 8
_MOST_ERRORS = 100
_GITHUB = {"note": "notice", "warning": "warning", "error": "error"}


def summary(findings: Sequence["Finding"]) -> Iterator[str]:
    """Yield every error, and for each other lint how many there are, of what, and the first places."""
    for (gravity, lint), group in groupby(findings, key=lambda one: (one.gravity.word, one.lint)):
        ones = list(group)
        shown = _MOST_ERRORS if gravity == "error" else _FIRST
        yield f"{gravity} {lint}: {len(ones):,} × {_title(ones[0])}"
        yield from (f"  {line}" for line in _topics(ones) if len(ones) > shown)
        yield from _places(ones[:shown])
        if len(ones) > shown:
            yield f"  … and {len(ones) - shown:,} more: --all"


def _places(findings: Sequence["Finding"]) -> Iterator[str]:
    """Yield a line per finding; what would be right is told once, when it is the same for all."""
    same = len(findings) > 1 and len({one.expected for one in findings}) == 1
    for one in findings:
        yield "  " + plain(f"{one.path}:{one.line}: {one.what}" if same and one.line else str(one))
    if same and findings[0].expected:
        yield f"  right: {plain(findings[0].expected)}"


def _title(finding: "Finding") -> str:
    from correlator.detect.lints import CATALOGUE  # noqa: PLC0415 - `--help` must not load it

    return CATALOGUE[finding.lint].title if finding.lint in CATALOGUE else f"pySigma: {finding.what.partition(':')[0]}"


def _topics(findings: Sequence["Finding"]) -> Iterator[str]:
    topics = Counter(one.topic for one in findings if one.topic)
    if len(topics) > 1:
        most = ", ".join(f"{plain(topic)} {count:,}" for topic, count in topics.most_common(_MOST_TOPICS))
        rest = len(topics) - _MOST_TOPICS
        yield f"most: {most}" + (f", {rest:,} more" if rest > 0 else "")


def listed(findings: Iterable["Finding"]) -> Iterator[str]:
    """Yield one line per finding."""
    return (f"{one.gravity.word} {one.lint}: {plain(str(one))}" for one in findings)


def as_rows(findings: Iterable["Finding"]) -> Iterator[dict[str, Any]]:
    """Yield one object per finding."""
    for one in findings:
        yield {
            "lint": one.lint, "severity": one.gravity.word, "path": one.path, "line": one.line, "rule.id": one.rule,
            "what": one.what, "expected": one.expected,
        }  # fmt: skip


def as_github(findings: Iterable["Finding"]) -> Iterator[str]:
    """Yield one workflow command per finding: ``::warning file=…,line=…,title=…::what``; paths as seen from here."""
    for one in findings:
        path = Path(os.path.relpath(one.path)) if Path(one.path).is_absolute() else Path(one.path)
        place = f"file={escaped_property(str(path))},line={max(one.line, 1)},title={escaped_property(one.lint)}"
        told = f"{one.what}; {one.expected}" if one.expected else one.what
        yield f"::{_GITHUB[one.gravity.word]} {place}::{escaped_data(told)}"


def escaped_data(text: str) -> str:
    """Return ``text`` as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """Return ``text`` as a property of a workflow command."""
    return escaped_data(text).replace(":", "%3A").replace(",", "%2C")


def counts(checked: "Checked") -> str:
    """Return how many rules load, are rejected, cannot fire here; and how many findings of each kind there are."""
    ruleset = checked.loaded.ruleset
    found = Counter(one.gravity.word for one in checked.findings)
    told = ", ".join(f"{found[word]:,} {word}{'s' * (found[word] > 1)}" for word in ("error", "warning", "note") if found[word])
    return (
        f"{len(ruleset.rules)} rules and {len(ruleset.correlations)} correlations loaded, "
        f"{checked.rejected} rejected, {checked.inert} inert" + (f": {told}" if told else "")
    )
