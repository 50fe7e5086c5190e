"""Goldens: a sample of raw lines beside the events it must give, compared to the letter.

``parsers/samples/<parser>/<case>.log`` holds one raw record per line, as it would come in; ``<case>.events.ndjson`` what the
parser makes of it: one event per line, keys sorted, nulls left out, and ``{"log.line": n, "reject": reason}`` where a
record is refused. Skipped lines leave no trace. Columns that only say where the sample lies are left out.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from importlib import import_module
from pathlib import Path

import polars as pl

from correlator.errors import InputError
from correlator.model.raw import RAW, Flag
from correlator.parse.contract import Parser
from correlator.parse.document import documents, to_line
from correlator.parse.engine import Read, read

#: When every record of a sample is received, and the zone its source declares.
RECEIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ZONE = "Europe/Paris"

#: Not part of a golden: the same for every event of a case, or its raw line again.
LEFT_OUT = frozenset({"raw_row", "event.id", "event.original", "log.file.path", "received", "source"})

#: The source that every record of a sample comes from.
SOURCE = "sample"


@dataclass(frozen=True, slots=True)
class Case:
    """One sample of a parser: the raw lines and where their golden lies."""

    parser: str
    sample: Path

    @property
    def name(self) -> str:
        """The name of the case: the sample's file name without ``.log``."""
        return self.sample.stem

    @property
    def golden(self) -> Path:
        """Where the expected events lie."""
        return self.sample.with_name(f"{self.name}.events.ndjson")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a case gives its golden; ``diff`` is empty when it does."""

    case: Case
    diff: str

    @property
    def passed(self) -> bool:
        """Say whether what came out is what was expected."""
        return not self.diff


def samples_folder(package: str = "parsers") -> Path:
    """Return the folder of samples of a package of parsers."""
    return Path(next(iter(import_module(package).__path__))) / "samples"


def samples_of(parser: Parser) -> Path:
    """Return the folder of samples beside the module of ``parser``: a site's parser has its own, all others the package's."""
    module = sys.modules.get(parser.parse.__module__)
    path = Path(getattr(module, "__file__", None) or "")
    is_site = parser.parse.__module__.startswith("tocsin_site_")
    return path.parent / "samples" if is_site else samples_folder()


def cases(parser: str, samples: Path) -> list[Case]:
    """Return the cases of ``parser`` below ``samples``, by name."""
    return [Case(parser, path) for path in sorted((samples / parser).glob("*.log"))]


def check(case: Case, parsers: Mapping[str, Parser]) -> Verdict:
    """Compare what a case gives with its golden; a golden that is missing counts as empty."""
    expected = case.golden.read_text(encoding="utf-8") if case.golden.exists() else ""
    actual = render(case, parsers)
    lines = unified_diff(expected.splitlines(), actual.splitlines(), str(case.golden), "now", lineterm="", n=0)
    return Verdict(case, "\n".join(lines))


def update(case: Case, parsers: Mapping[str, Parser]) -> bool:
    """Write the golden of a case; say whether it changed."""
    actual = render(case, parsers)
    if case.golden.exists() and case.golden.read_text(encoding="utf-8") == actual:
        return False
    case.golden.write_text(actual, encoding="utf-8")
    return True


def render(case: Case, parsers: Mapping[str, Parser]) -> str:
    """Return the golden text of a case as the parsers are now.

    Raises:
        InputError: the parser raised, or broke its contract; that is no golden, whatever came out.
    """
    result = read(raw_of(case), parsers, forced={SOURCE: case.parser}, zones={SOURCE: ZONE}, final=True)
    if result.problems:
        raise InputError(result.problems)
    return "".join(f"{line}\n" for line in rendered(result))


def raw_of(case: Case) -> pl.DataFrame:
    """Return the RAW frame of a case."""
    lines = case.sample.read_bytes().split(b"\n")
    return raw_lines([line.removesuffix(b"\r") for line in (lines if lines[-1] else lines[:-1])], case.sample.name)


def rendered(result: Read) -> Iterator[str]:
    """Yield the golden lines of a batch: events and rejects, in the order of their records."""
    lines: list[tuple[int, int, str]] = []
    for events in result.events:
        for document in documents(events, LEFT_OUT - {"n"}):
            number = document.pop("n")
            lines.append((document["log.line"], number, to_line(document | ({"n": number} if number else {}))))
    for line, reason in result.rejects.select("line", "reason").iter_rows():
        lines.append((line, 0, to_line({"log.line": line, "reject": reason})))
    yield from (line for *_, line in sorted(lines))


def raw_lines(lines: Iterable[bytes], path: str) -> pl.DataFrame:
    """Return raw lines as a RAW frame of one stream, received at ``RECEIVED``; UTF-8, else Windows-1252 with its flag."""
    texts = [_text(line) for line in lines]
    numbers = range(1, len(texts) + 1)
    return pl.DataFrame(
        {
            "id": [f"{SOURCE}~{path}~{number}" for number in numbers],
            "source": [SOURCE] * len(texts),
            "stream": [path] * len(texts),
            "offset": list(numbers),
            "received": [RECEIVED] * len(texts),
            "peer": [None] * len(texts),
            "path": [path] * len(texts),
            "line": list(numbers),
            "text": [text for text, _ in texts],
            "flags": [flags for _, flags in texts],
        },
        schema=RAW,
    )


def _text(line: bytes) -> tuple[str, int]:
    try:
        return line.decode(), 0
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace"), int(Flag.CP1252)
