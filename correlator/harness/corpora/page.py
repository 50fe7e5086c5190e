"""The part of the reference page that says how the parsers did on real logs: made from the recorded table."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["RECORDED", "measured_part"]

#: The recorded table: ``tocsin parsers compare --record`` writes it.
RECORDED = Path(__file__).parents[3] / "docs" / "reference" / "parsers.measured.json"
_COUNTS = ("records", "parsed", "generic", "rejected", "wrong", "unknown")
_HEAD = """
## On real logs
What the parsers make of logs that other projects published, written by `tocsin parsers compare --record` (the logs are not
part of Tocsin). *Parsed*: by a parser of that product, with its required fields. *Generic*: by one that names no product, such
as `syslog` or `json`. *Wrong*: claimed by another product's parser. *Unknown*: parsed, but the sentence is none it knows.

| logs | read by | records | parsed | generic | refused | wrong | unknown |
|---|---|---|---|---|---|---|---|
"""


def measured_part() -> Iterator[str]:
    """Yield the lines of the part; none where nothing was recorded."""
    if not RECORDED.exists():
        return
    record = json.loads(RECORDED.read_text(encoding="utf-8"))
    yield _HEAD
    sums: dict[tuple[str, str], Counter[str]] = {}
    for row in record["sources"]:
        readers = ", ".join(f"`{name}`" for name in row["parsers"]) or "not in the catalogue"
        sums.setdefault((row["corpus"], readers), Counter()).update({name: row[name] for name in _COUNTS})
    yield from (_row(corpus, readers, counts) for (corpus, readers), counts in sums.items())
    yield from _fields(record.get("crowdsec_fields"))


def _row(corpus: str, readers: str, counts: Mapping[str, int]) -> str:
    parsed = f"{_share(counts['parsed'], counts['records'])} %" if readers != "not in the catalogue" else "–"
    rest = " | ".join(f"{counts[name]:,}" for name in ("generic", "rejected", "wrong", "unknown"))
    return f"| {corpus} | {readers} | {counts['records']:,} | {parsed} | {rest} |\n"


def _share(part: int, whole: int) -> float:
    """Return per cent, cut and not rounded: 99.96 is not 100."""
    return 1000 * part // whole / 10


def _fields(fields: Mapping[str, Any] | None) -> Iterator[str]:
    if not fields:
        return
    compared, equal = fields["compared"], fields["equal"]
    shares = _share(compared, fields["total"]), _share(equal, compared)
    yield (
        f"\nCrowdSec's own parsers found {fields['total']:,} values in its hub's test records; {compared:,} of them "
        f"({shares[0]} %) are compared with ours, {equal:,} of these ({shares[1]} %) are the same. Not compared:\n\n"
    )
    for reason, count in sorted(fields["denied"].items(), key=lambda one: -one[1]):
        yield f"- {count:,}: {reason}\n"
