"""The proof of triage on recorded attacks, on real quiet logs, and on attacks played at once.

    .venv/bin/python -m benchmarks.triage captures [--only WORD] [--profile core+] [--work DIR]
    .venv/bin/python -m benchmarks.triage interleaved [--seed 5]
    .venv/bin/python -m benchmarks.triage real

Recordings and rules come from ../shared; what is measured and what came out: ``benchmarks/triage/README.md``.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from benchmarks import recorded
from benchmarks.corpora import WORK
from benchmarks.triage import interleaved, real
from benchmarks.triage.captures import captures, replay_each, summed
from benchmarks.triage.play import PROFILES, frame_of, load
from correlator.runtime.content import Content

_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
_SHOWN = ("capture", "records", "detections", "highest", "incidents", "in_incidents")


def main() -> None:
    """Do what is asked, print it, and write it as JSON where ``--output`` says."""
    asked = _arguments().parse_args()
    if not recorded.is_there():
        raise SystemExit(f"needs {recorded.SHARED}: name it with TOCSIN_SHARED")
    result = {"captures": _captures, "interleaved": _interleaved, "real": _real}[asked.task](asked)
    if asked.output:
        asked.output.write_bytes(orjson.dumps(result, option=_PRETTY))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("captures", "interleaved", "real"))
    parser.add_argument("--only", default="", help="captures whose name holds this")
    parser.add_argument("--every", type=int, default=1, help="every Nth capture only")
    parser.add_argument("--profile", choices=PROFILES, default="core+", help="which SigmaHQ rules run beside ours")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--output", type=Path, help="write the result there, JSON")
    return parser


def _captures(asked: argparse.Namespace) -> dict[str, Any]:
    settings, content = load(asked.profile, asked.work)
    chosen = [one for one in captures() if asked.only in one.name][:: asked.every]
    rows = []
    for row in replay_each(chosen, settings, content):
        rows.append(row)
        print(f"{row['incidents']:3d} incidents of {row['detections']:6,} detections  {row['capture']}", flush=True)
    figures = summed(rows)
    several = [{name: row[name] for name in _SHOWN} for row in rows if row["incidents"] > 1]
    print(frame_of(several) if several else "No capture has more than one incident.")
    _tell(figures)
    return {**_rules(asked, content), **figures, "rows": rows}


def _interleaved(asked: argparse.Namespace) -> dict[str, Any]:
    settings, content = load(asked.profile, asked.work)
    figures = interleaved.told(interleaved.run(asked.work / "interleaved", asked.seed, settings, content))
    rows = figures.pop("rows")
    print(frame_of([{**row, "incidents": " ".join(row["incidents"])} for row in rows]))
    _tell(figures)
    return {**_rules(asked, content), "seed": asked.seed, **figures, "rows": rows}


def _real(asked: argparse.Namespace) -> dict[str, Any]:
    settings, content = load(asked.profile, asked.work)
    rows = real.replay_packs(settings, content)
    for row in rows:
        _tell(row)
    return {**_rules(asked, content), "rows": rows}


def _rules(asked: argparse.Namespace, content: Content) -> dict[str, Any]:
    return {"profile": asked.profile, "rules": len(content.ruleset.rules), "correlations": len(content.correlations)}


def _tell(figures: Mapping[str, Any]) -> None:
    for name, value in figures.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
