"""Three corpora to measure with, written as files: no event comes twice, and a seed gives the same bytes.

    .venv/bin/python -m benchmarks.corpora [otrf attacks mix] [--small] [--no-frames]

Each goes to ``benchmarks/.work/<name>/`` (``<name>-small`` with --small):

- ``raw.log``: one record per line, as the sources send it, in the order of reception;
- ``streams.arrow``: column ``stream`` (UInt8), per line of raw.log the number of its stream in the manifest's ``streams``;
- ``frames/NNN.arrow``: the same events as the flow's parsers make them, for a rule set: see ``benchmarks/frames.py``;
- ``manifest.json``: seed, counts, sha256, distinct values before and after copying, what the parsers refused.

otrf and attacks need ../shared; mix needs nothing (its frames need rules, and take those of ../shared or our own).
"""

import argparse
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import polars as pl

from benchmarks import recorded
from benchmarks.copies import copies
from benchmarks.mixed import mix
from benchmarks.slots import templates, words_of_rules

WORK = Path(__file__).resolve().parent / ".work"
SEED = 5
SMALL = 5_000
#: Fields whose distinct values the manifest counts.
COUNTED = ("Image", "CommandLine", "TargetObject", "TargetFilename", "NewProcessName", "User", "TargetUserName", "Computer")
Manifest = dict[str, Any]


def build_otrf(folder: Path, events: int, seed: int) -> Manifest:
    """Write the copies of the laboratory recordings; return what they are."""
    lines = list(recorded.otrf())
    return _copied(folder, lines[::60] if events <= SMALL else lines, events, seed, "wec/forwarded.json")


def build_attacks(folder: Path, events: int, seed: int) -> Manifest:
    """Write the copies of the attack samples; return what they are."""
    lines = list(recorded.attacks())
    return _copied(folder, lines[::6] if events <= SMALL else lines, events, seed, "wec/attacks.json")


def build_mix(folder: Path, events: int, seed: int) -> Manifest:
    """Write the nine-commune mix; return what it is."""
    records = mix(events, seed)
    streams = sorted({record.file for record in records})
    place = {stream: number for number, stream in enumerate(streams)}
    texts = [record.text for record in records]
    return {
        **_write(folder, texts, [place[record.file] for record in records]),
        "streams": streams,
        "distinct": _distinct(text.encode() for text in texts if text.startswith("{")),
    }


#: Corpus → how it is made, and how many lines it has.
CORPORA: dict[str, tuple[Callable[[Path, int, int], Manifest], int]] = {
    "otrf": (build_otrf, 300_000),
    "attacks": (build_attacks, 150_000),
    "mix": (build_mix, 400_000),
}


def _copied(folder: Path, lines: Sequence[recorded.Line], events: int, seed: int, stream: str) -> Manifest:
    events_of_lines = templates(lines, words_of_rules(recorded.RULES))
    texts = list(copies(events_of_lines, events, seed))
    return {
        **_write(folder, texts, [0] * len(texts)),
        "streams": [stream],
        "recorded": len(events_of_lines),
        "copies": round(events / len(events_of_lines), 2),
        "distinct_recorded": _distinct(line for _, line in lines),
        "distinct": _distinct(text.encode() for text in texts),
    }


def _write(folder: Path, texts: Sequence[str], streams: Sequence[int]) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (folder / "raw.log").open("wb") as file:
        for text in texts:
            line = text.encode() + b"\n"
            digest.update(line)
            size += file.write(line)
    pl.DataFrame({"stream": pl.Series(streams, dtype=pl.UInt8)}).write_ipc(folder / "streams.arrow")
    return {"lines": len(texts), "bytes": size, "sha256": digest.hexdigest(), "lines_distinct": len(set(texts))}


def _distinct(lines: Iterable[bytes]) -> dict[str, int]:
    """Return how many different values each of COUNTED has, wherever in an event it stands."""
    found: dict[str, set[str]] = {name: set() for name in COUNTED}
    for line in lines:
        if line.strip():
            _collect(orjson.loads(line), found)
    return {name: len(values) for name, values in found.items() if values}


def _collect(node: Any, found: dict[str, set[str]]) -> None:  # noqa: ANN401 - any JSON
    for name, value in node.items() if isinstance(node, dict) else ():
        if isinstance(value, dict):
            _collect(value, found)
        elif name in found and isinstance(value, str):
            found[name].add(value)


def corpus(name: str, *, small: bool = False, work: Path = WORK, seed: int = SEED) -> Path:
    """Return the folder of a corpus, built now if it is not there. Raises KeyError for a name that is none."""
    build, events = CORPORA[name]
    folder = work / (f"{name}-small" if small else name)
    if not (folder / "manifest.json").exists():
        write_manifest(folder, {"name": name, "seed": seed, **build(folder, SMALL if small else events, seed)})
    return folder


def read_manifest(folder: Path) -> Manifest:
    """Return what is known of the corpus in ``folder``."""
    manifest: Manifest = orjson.loads((folder / "manifest.json").read_bytes())
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Keep what is known of the corpus in ``folder``."""
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def main() -> None:
    """Build what was asked for and is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[], help="which corpora; all without a name")
    parser.add_argument("--small", action="store_true", help=f"{SMALL:,} lines each")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--no-frames", action="store_true", help="raw lines only")
    asked = parser.parse_args()
    for name in asked.names or CORPORA:
        if name != "mix" and not recorded.is_there():
            parser.exit(2, f"{name} needs {recorded.SHARED}: name it with TOCSIN_SHARED\n")
        begin = perf_counter()
        folder = corpus(name, small=asked.small, work=asked.work, seed=asked.seed)
        if not asked.no_frames:
            from benchmarks.frames import normalise  # noqa: PLC0415 - loads the flow

            normalise(folder)
        manifest = read_manifest(folder)
        shown = {key: manifest[key] for key in ("lines", "bytes", "sha256", "lines_distinct", "parsed") if key in manifest}
        print(f"{folder}: {shown} ({perf_counter() - begin:.0f} s)")


if __name__ == "__main__":
    main()
