"""One negative week of the nine communes, through the flow and judged.

    .venv/bin/python -m benchmarks.benign --seed 1 --scale 0.02 [--malicious S02 S05 …] [--profile fresh] [--differential]

Writes below ``--work`` (a folder for each seed, scale and list of scenarios; written anew unless it is there), prints every
incident and what opened it, and the counts. The week is replayed: event time is judged at the end of the input.
"""

import argparse
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import orjson

from benchmarks.benign.malicious import SCENARIOS
from benchmarks.benign.verdict import Verdict, difference, figures, rows, verdict
from benchmarks.benign.week import DAYS, Week
from benchmarks.corpora import WORK
from benchmarks.triage.play import FRESH, PROFILES, frame_of, load
from correlator.config.estate import load_estate
from correlator.harness.demo.generator import ESTATE

_AFTER = datetime.combine(DAYS[-1] + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=8)


def main() -> None:
    """Write, replay and judge what is asked; exit code 1 when the week is not quiet enough."""
    asked = _arguments().parse_args()
    chosen = tuple(asked.malicious)
    full = _run(asked, chosen)
    result = {"seed": asked.seed, "scale": asked.scale, "profile": asked.profile, "malicious": chosen, **_told(full)}
    if asked.differential:
        result["differential"] = _differential(asked, full)
    result["peak_mib"] = getrusage(RUSAGE_SELF).ru_maxrss // 1024
    if asked.output:
        asked.output.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    raise SystemExit(0 if full.is_quiet else 1)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="1-20 to tune, 101-110 to check, 9001-9010 to judge")
    parser.add_argument("--scale", type=float, default=0.02)
    parser.add_argument("--malicious", nargs="*", default=(), choices=tuple(SCENARIOS), help="scenarios to add")
    parser.add_argument("--profile", choices=PROFILES, default=FRESH, help="rules beside ours; fresh: none")
    parser.add_argument("--differential", action="store_true", help="then without the scenarios: what changes?")
    parser.add_argument("--work", type=Path, default=WORK / "benign")
    parser.add_argument("--output", type=Path, help="write the result there, JSON")
    parser.add_argument("--keep", action="store_true", help="keep the log files")
    return parser


def _run(asked: argparse.Namespace, scenarios: tuple[str, ...]) -> Verdict:
    folder = asked.work / "weeks" / f"seed-{asked.seed}-scale-{asked.scale}-{'-'.join(scenarios) or 'quiet'}"
    logs, truth = folder / "logs", folder / "truth.ndjson"
    if not truth.exists():
        shutil.rmtree(folder, ignore_errors=True)
        counts = Week(asked.seed, asked.scale, scenarios).write(logs, truth, lambda text: print(text, file=sys.stderr))
        print(f"{counts.records:,} records, {counts.size / 1e6:,.0f} MB in {folder}", file=sys.stderr)
    settings, content = load(asked.profile, asked.work, load_estate(ESTATE))
    found = verdict(logs, truth, settings, content, _AFTER)
    if not asked.keep and not asked.differential:
        shutil.rmtree(folder)
    return found


def _told(found: Verdict) -> dict[str, Any]:
    told, summary = rows(found), figures(found)
    shown = ("number", "severity", "events", "first", "opened_by", "rules")
    print(frame_of([{name: row[name] for name in shown} for row in told]) if told else "No incident.")
    for name, value in summary.items():
        print(f"{name:24} {value}")
    return {**summary, "rows": told}


def _differential(asked: argparse.Namespace, full: Verdict) -> dict[str, Any]:
    bare = _run(asked, ())
    changed = difference(full, bare)
    print(f"without the scenarios: {len(changed.vanished)} vanished, lost besides {changed.lost}, new {changed.came}")
    return {"exact": changed.is_exact, "vanished": changed.vanished, "lost": changed.lost, "came": changed.came}


if __name__ == "__main__":
    main()
