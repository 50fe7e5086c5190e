"""How fast the detection engine is: every scenario of ``scenarios/*/scenario.toml``, each measurement in a fresh process.

    .venv/bin/python -m benchmarks.engine [SCENARIO …] [--small] [--lines N] [--runs N] [--corpora otrf,mix] [--rules active]

Corpora are built first where they are missing (``benchmarks.corpora``). Prints a table, writes
benchmarks/results/engine/<date>-<machine>.json (not with --small or --lines, unless --output says where).
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from benchmarks import recorded, targets
from benchmarks.corpora import CORPORA, WORK, corpus, read_manifest
from benchmarks.processes import timed, with_threads
from benchmarks.report import table

HERE = Path(__file__).resolve().parent
LIBRARIES = ("tocsin", "polars", "pyarrow", "pysigma", "orjson")
Figures = dict[str, Any]
_KEPT_OF_MANIFEST = ("lines", "bytes", "sha256", "seed", "parsed", "distinct", "distinct_recorded", "copies")


def scenarios(names: Sequence[str]) -> dict[str, Figures]:
    """Return the settings of the scenarios ``names``, all without a name. Raises FileNotFoundError where there is none."""
    found = names or sorted(file.parent.name for file in (HERE / "scenarios").glob("*/scenario.toml"))
    return {name: tomllib.loads((HERE / "scenarios" / name / "scenario.toml").read_text(encoding="utf-8")) for name in found}


def measurements(settings: Figures, folders: dict[str, Path], work: Path) -> Iterator[Figures]:
    """Yield what is asked of each process of a scenario."""
    axes = (settings["corpora"], settings["rules"], settings.get("variants", ["engine"]), settings.get("threads", [1]))
    plain = {key: value for key, value in settings.items() if key not in {"corpora", "variants", "threads", "about"}}
    for name, rules, variant, threads in product(*axes):
        if name in folders:
            asked = {"corpus": str(folders[name]), "rules": rules, "variant": variant, "threads": threads, "work": str(work)}
            yield {"lines": 0, "runs": 3, "warm": variant != "memory", **plain, **asked, "name": name}


def _made(name: str, settings: Figures, folders: dict[str, Path], work: Path) -> list[Figures]:
    """Return every measurement of a scenario with its figures, without the paths it was made with."""
    made = [{"scenario": name, **asked, "figures": measure(asked)} for asked in measurements(settings, folders, work)]
    return [{key: value for key, value in one.items() if key not in {"corpus", "work"}} for one in made]


def measure(asked: Figures) -> Figures:
    """Return the figures of one measurement."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as scratch:
        told = {**asked, "scratch": scratch}
        if asked["measure"] == "start":
            return _starts(told, Path(scratch))
        return _child(told)


def _child(asked: Figures) -> Figures:
    """Return the figures of a fresh process; one that fails tells its last words, and the others are measured all the same."""
    done = subprocess.run(
        _command(asked), env=_environment(asked["threads"]), check=False, capture_output=True, cwd=HERE.parent
    )
    if done.returncode:
        return {"failed": done.stderr.decode(errors="replace").strip().splitlines()[-1:]}
    figures: Figures = orjson.loads(done.stdout)
    return figures


def _command(asked: Figures) -> list[str]:
    return [sys.executable, "-c", "from benchmarks.measured import main; main()", orjson.dumps(asked).decode()]


def _environment(threads: int | None) -> dict[str, str]:
    return {**with_threads(threads), "PYTHONPATH": str(HERE.parent)}


def _starts(asked: Figures, scratch: Path) -> Figures:
    """Return what a new process costs up to its first verdict; the first one of each kind fills caches and does not count."""
    with (Path(asked["corpus"]) / "raw.log").open("rb") as lines:
        (scratch / "one.log").write_bytes(lines.readline())
    folders = ", ".join(f'"{recorded.RULES / name}"' for name in ("rules", *_OTHERS))
    (scratch / "tocsin.toml").write_text(f'data_dir = "data"\nrules = [{folders}]\n', encoding="utf-8")
    commands = {
        "library": _command({**asked, "measure": "first"}),
        "tocsin replay": [sys.executable, "-P", "-m", "correlator", "replay", "one.log"],
    }
    found: Figures = {}
    for name, command in commands.items():
        environment = _installed(scratch)
        runs = [timed(command, scratch if name != "library" else HERE.parent, environment) for _ in range(asked["runs"] + 1)]
        found[name] = {clock: round(median(run[clock] for run in runs[1:]), 3) for clock in ("cpu", "wall")}
        found[name]["wall_best"] = round(min(run["wall"] for run in runs[1:]), 3)
    return found


def _installed(scratch: Path) -> dict[str, str]:
    """Return the environment of a process whose modules lie compiled, as an installer leaves them."""
    kept = {name: value for name, value in _environment(None).items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(scratch / "bytecode")}


_OTHERS = ("rules-emerging-threats", "rules-threat-hunting", "rules-compliance")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", help="which of scenarios/*/; all without a name")
    parser.add_argument("--corpora", default=",".join(CORPORA), help="which corpora, with commas")
    parser.add_argument("--rules", help="which rule sets, with commas, instead of the scenario's")
    parser.add_argument("--variants", help="which engines, with commas, instead of the scenario's")
    parser.add_argument("--batches", help="which batch sizes, with commas, instead of the scenario's; 0: all at once")
    parser.add_argument("--lines", type=int, help="only the first lines of each corpus")
    parser.add_argument("--runs", type=int, help="runs in each process, instead of the scenario's")
    parser.add_argument("--small", action="store_true", help="the small corpora: does it work, not how fast is it")
    parser.add_argument("--work", type=Path, default=WORK, help="where corpora and plans are kept")
    parser.add_argument("--machine", default=f"{os.cpu_count()}-core-vm", help="what the result is named after; no host name")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def _changed(settings: Figures, asked: argparse.Namespace) -> Figures:
    """Return a scenario's settings as the command line wants them."""
    given = {"lines": asked.lines, "runs": asked.runs}
    lists = {"rules": asked.rules, "variants": asked.variants, "corpora": None}
    changed = settings | {key: value for key, value in given.items() if value}
    changed |= {key: value.split(",") for key, value in lists.items() if value}
    if asked.batches and "batches" in settings:
        changed["batches"] = [int(size) for size in asked.batches.split(",")]
    return changed


def _folders(asked: argparse.Namespace) -> dict[str, Path]:
    from benchmarks.frames import normalise  # noqa: PLC0415 - loads the flow

    folders = {name: corpus(name, small=asked.small, work=asked.work) for name in asked.corpora.split(",")}
    for folder in folders.values():
        normalise(folder)
    return folders


def _circumstances(machine: str, load: float, folders: dict[str, Path]) -> Figures:
    """Return where and on what it was measured."""
    manifests = {name: read_manifest(folder) for name, folder in folders.items()}
    return {
        "machine": machine,
        "cores": os.cpu_count(),
        "load_average_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "commit": _commit(),
        "versions": {"python": platform.python_version(), **{one: version(one) for one in LIBRARIES}},
        "corpora": {name: {key: one[key] for key in _KEPT_OF_MANIFEST if key in one} for name, one in manifests.items()},
    }


def _commit() -> str:
    git = shutil.which("git") or "git"
    asked = [git, "-C", str(HERE), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip()


def _target(asked: argparse.Namespace, now: datetime) -> Path | None:
    """Return where the result is written; a part of the measurements is kept only where the command line says."""
    partial = asked.small or asked.lines or asked.scenarios
    return asked.output or (None if partial else HERE / "results" / "engine" / f"{now.date()}-{asked.machine}.json")


def main() -> None:
    """Measure, print, write down after each scenario."""
    asked = _arguments()
    if not recorded.is_there():
        sys.exit(f"there is no {recorded.SHARED} with recordings and rules: name it with TOCSIN_SHARED")
    now, folders, load = datetime.now(UTC), _folders(asked), os.getloadavg()[0]
    target, results = _target(asked, now), list[Figures]()
    for name, settings in scenarios(asked.scenarios).items():
        print(f"\n{name}: {settings['about']}", flush=True)
        made = _made(name, _changed(settings, asked), folders, asked.work)
        print("\n".join(table(made)), flush=True)
        results += made
        if target:
            kept = {
                "date": now.isoformat(timespec="minutes"),
                **_circumstances(asked.machine, load, folders),
                "results": results,
            }
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    print("\n" + "\n".join(targets.lines(results)))
    if target:
        print(f"\nwritten to {os.path.relpath(target)}")


if __name__ == "__main__":
    main()
