"""All corpora, one table: what became of every record, and of every field that both sides name.

The table is recorded (``docs/reference/parsers.measured.json``), because the corpora are not part of the project: the reference
page is made from the record, ``tocsin parsers compare --record`` writes it anew.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from correlator.errors import InputError, Problem
from correlator.harness.corpora import crowdsec
from correlator.harness.corpora.judge import Outcome, Tally, tallied
from correlator.harness.corpora.sources import CORPORA
from correlator.parse.contract import Parser

__all__ = ["NAMES", "Comparison", "compare_all", "record_of", "record_text", "summed"]

#: Where the tables lie that say who reads what: this is a command of a source checkout.
_TABLES = Path(__file__).parents[3] / "tests" / "corpus"
_CROWDSEC = "crowdsec-hub"
NAMES = (_CROWDSEC, *CORPORA)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found: a tally per kind of source, and the fields of CrowdSec's records (None: not asked for)."""

    tallies: tuple[Tally, ...]
    fields: crowdsec.Fields | None


def compare_all(shared: Path, parsers: Mapping[str, Parser], names: Sequence[str] = NAMES) -> Comparison:
    """Return what the parsers make of the corpora ``names`` below ``shared/data``.

    Raises:
        InputError: a corpus or its table is not there.
    """
    data = shared / "data"
    absent = [name for name in names if not (data / name).is_dir()]
    if absent:
        raise InputError([Problem(str(data / name), 0, "no such corpus", "give --shared DIR") for name in absent])
    expected, tallies, fields = _table("expected.toml"), list[Tally](), None
    for name in names:
        if name == _CROWDSEC:
            table = _table("crowdsec_fields.toml")
            lines = crowdsec.read_tests(data, parsers)
            tallies += tallied(name, crowdsec.judged(lines, table))
            fields = crowdsec.compare_fields(lines, table)
        else:
            tallies += tallied(name, CORPORA[name](data, expected[name], parsers))
    return Comparison(tuple(tallies), fields)


def _table(name: str) -> dict[str, Any]:
    path = _TABLES / name
    if not path.exists():
        raise InputError([Problem(str(path), 0, "no such file", "run this in a source checkout of Tocsin")])
    return tomllib.loads(path.read_text(encoding="utf-8"))


def record_of(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain values, in a stable order."""
    rows = [_row(tally) for tally in comparison.tallies]
    fields = comparison.fields
    if fields is None:
        return {"sources": rows}
    counts = {
        "total": fields.total, "compared": fields.compared, "equal": fields.equal.total(),
        "denied": dict(sorted(fields.denied.items())), "unnamed": fields.unnamed.total(),
    }  # fmt: skip
    return {"sources": rows, "crowdsec_fields": counts}


def record_text(comparison: Comparison) -> str:
    """Return the text of the recorded table: JSON, one source a line, so that a change is a line of a diff."""
    record = record_of(comparison)
    lines = ",\n".join(f"  {json.dumps(row)}" for row in record.pop("sources"))
    rest = "".join(f',\n "{name}": {json.dumps(value, indent=2)}' for name, value in record.items())
    return f'{{"sources": [\n{lines}\n ]{rest}\n}}\n'


def _row(tally: Tally) -> dict[str, Any]:
    counts = {str(outcome): tally.outcomes[outcome] for outcome in Outcome}
    return {
        "corpus": tally.corpus, "source": tally.source, "parsers": list(tally.expected), "records": tally.records,
        **counts, "unknown": tally.unknown,
    }  # fmt: skip


def summed(tallies: Iterable[Tally]) -> Tally:
    """Return one tally of several."""
    total = Tally("", "all", ())
    for tally in tallies:
        total.outcomes.update(tally.outcomes)
        total.unknown += tally.unknown
    return total
