"""The engines that are compared: how each is started, and what its figures mean."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".work"
ROOT = HERE.parents[1]
BUILT = WORK / "rsigma"
SQLITE = WORK / "sqlite"
Figures = dict[str, Any]

#: Versions of rsigma by the program that holds them; the second is the newest that builds with the compiler at hand.
RSIGMA = {"0.21.0": "rsigma-v0-21", "0.26.0": "rsigma-newest"}
#: Events that slow engines work on before they are timed.
SLOW_SKIP = 500
#: Lines that Tocsin takes at once: as a replay cuts them, and as many as a worker may take that is behind.
BATCHES = (10_000, 50_000)
NEWEST = "0.26.0"
#: Ways to start rsigma: rules as they are or strict, how events meet them.
FORMS = {"routed": ("rules", "routed"), "subset": ("rules", "subset"), "strict": ("strict", "open")}


@dataclass(frozen=True, slots=True)
class Paths:
    """What a comparison works on: a corpus folder, its flat events (without ending), rules, strict rules, SQL."""

    corpus: Path
    events: Path
    rules: Path
    strict: Path
    queries: Path


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine in one form (Tocsin: lines in a batch). ``slow``: compared and timed on a part of the corpus."""

    name: str
    form: str
    version: str = ""
    decoded: bool = False
    slow: bool = False

    @property
    def key(self) -> str:
        """Return a name for files and tables."""
        words = (self.name, self.version, self.form, "decoded" if self.decoded else "")
        return " ".join(word for word in words if word)

    def timed(self, paths: Paths, share: float, skip: int, take: int) -> Figures:
        """Return the figures of one fresh process; the first ``skip`` events (``share`` of the lines) are not counted."""
        if self.name == "tocsin":
            return _run([*_ours("measure", paths, str(share)), self.form])
        some = ["--skip", str(SLOW_SKIP), "--take", str(take)] if self.slow else ["--skip", str(skip)]
        return _run([*self._command(paths), *some])

    def write_verdicts(self, paths: Paths, target: Path, take: int) -> None:
        """Write the verdicts on the whole corpus into ``target``, those of a slow engine on its first ``take`` events."""
        if self.name == "tocsin":
            _run(_ours("verdicts", paths, str(target)), quiet=True)
        else:
            some = ["--take", str(take)] if self.slow else []
            _run([*self._command(paths), *some, "--verdicts", str(target)], quiet=True)

    def _command(self, paths: Paths) -> list[str]:
        events = ["--events", f"{paths.events}.jsonl"]
        if self.name == "sqlite":
            return [str(SQLITE / "bin" / "python"), str(HERE / "sqlite" / "peer.py"), "--queries", str(paths.queries), *events]
        folder, form = FORMS[self.form]
        rules = ["--rules", str(paths.strict if folder == "strict" else paths.rules)]
        fed = ["--sources", f"{paths.events}.sources", "--form", form, "--input", "decoded" if self.decoded else "lines"]
        return [str(BUILT / "release" / RSIGMA[self.version]), "--version", self.version, *rules, *events, *fed]


def engines(*, timed: bool, every: bool) -> list[Engine]:
    """Return the engines and forms that can be started here, ours first.

    ``timed``: with the forms that differ in cost only. ``every``: also forms that are never the fastest, and those that are
    measured on a part of a corpus.
    """
    found = [Engine("tocsin", str(lines)) for lines in (BATCHES if timed else BATCHES[:1])]
    for version, program in RSIGMA.items():
        if (BUILT / "release" / program).exists():
            found += [Engine("rsigma", "subset", version)]
            found += [Engine("rsigma", "subset", version, decoded=True)] if timed and version == NEWEST else []
            found += [Engine("rsigma", "routed", version), Engine("rsigma", "strict", version, slow=True)] if every else []
    if every and (SQLITE / "bin" / "python").exists():
        found.append(Engine("sqlite", "", slow=True))
    return found


def build() -> None:
    """Build the peers that are not built yet: Rust programs with one job at low priority, an environment for Python."""
    if shutil.which("cargo"):
        command = ["nice", "cargo", "build", "--release", "-j1", "--locked", "--ignore-rust-version", "--quiet"]
        environment = {**os.environ, "CARGO_TARGET_DIR": str(BUILT)}
        subprocess.run([*command, "--manifest-path", str(HERE / "rsigma" / "Cargo.toml")], check=True, env=environment)
    if not (SQLITE / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(SQLITE)], check=True)
        install = [str(SQLITE / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*install, "-r", str(HERE / "sqlite" / "requirements.txt")], check=True)


def convert(paths: Paths) -> None:
    """Write the SQL of every strict rule, if it is not there."""
    if not paths.queries.exists():
        command = [str(SQLITE / "bin" / "python"), str(HERE / "sqlite" / "peer.py"), "--rules", str(paths.strict)]
        _run([*command, "--convert", str(paths.queries)], quiet=True)


def refused(engine: Engine, paths: Paths) -> set[str]:
    """Return the files of rules that SQLite's backend did not convert; rsigma tells its own with its figures."""
    if engine.name != "sqlite":
        return set()
    return {one["file"] for one in orjson.loads(paths.queries.read_bytes())["refused"]}


def flatten(paths: Paths) -> None:
    """Write the events of the corpus for the peers."""
    _run(_ours("events", paths, str(paths.events)), quiet=True)


def _ours(what: str, paths: Paths, last: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.peers.ours", what, str(paths.corpus), str(paths.rules), last]


def _run(command: Sequence[str], *, quiet: bool = False) -> Figures:
    """Run with one polars thread, and return what it prints."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=ROOT)
    figures: Figures = {} if quiet else orjson.loads(done.stdout)
    return figures
