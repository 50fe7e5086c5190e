"""The plan cache on disk: what each rule file compiled to, so that the next start need neither read Sigma nor the files.

One file per set of rules: a line of JSON that says where each part lies, then the parts, each JSON of its own. A start parses
all of them, a change of one rule none.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from correlator import __version__
from correlator.model.rule import RuleText
from correlator.store.content import Stamp, make_private

_PLANS_KEPT = 20
#: Raised when the form of the kept plans changes.
_FORM = 4


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is known of a rule file: the part its text means, the last part of it that was good, and its stamp when read.

    ``since``: when it was first found broken, in seconds of the epoch; 0 while it is not.
    """

    key: str
    good: str
    stamp: Stamp | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What is kept of one set of rules: ``files`` by name, ``faults`` of the mappings (None: not known), parts by key.

    ``placeholders``: the key of those it was made with.
    """

    placeholders: str = ""
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    faults: list[list[Any]] | None = None
    _places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    _parts: bytes = b""

    def raw(self, key: str) -> bytes | None:
        """Return the JSON of a part; None when it is not kept."""
        if key not in self._places:
            return None
        start, length = self._places[key]
        return self._parts[start : start + length]

    def part(self, key: str) -> Any | None:  # noqa: ANN401 - plain JSON
        """Return a part; None when it is not kept or damaged."""
        text = self.raw(key)
        try:
            return None if text is None else orjson.loads(text)
        except ValueError:
            return None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all parts."""
        return frozenset(self._places)


def pack(
    placeholders: str, files: Mapping[str, FileRecord], faults: list[list[Any]] | None, parts: Mapping[str, bytes]
) -> bytes:
    """Return the bytes of a plan file."""
    places, end = {}, 0
    for key, part in parts.items():
        places[key] = (end, len(part))
        end += len(part)
    known = {name: (one.key, one.good, one.stamp, one.since) for name, one in files.items() if _is_text(name)}
    content = {"form": _FORM, "placeholders": placeholders, "problems": faults, "parts": places, "files": known}
    head = orjson.dumps(content)
    return b"\n".join((head, b"".join(parts.values())))


def unpack(content: bytes) -> PlanFile:
    """Return what ``pack`` wrote; nothing when it is damaged or of another form."""
    head, _, parts = content.partition(b"\n")
    try:
        known = orjson.loads(head)
        if known["form"] != _FORM:
            return PlanFile()
        files = {
            name: FileRecord(key, good, tuple(stamp) if stamp else None, since)
            for name, (key, good, stamp, since) in known["files"].items()
        }
        return PlanFile(known["placeholders"], files, known["problems"], known["parts"], parts)
    except (ValueError, KeyError, TypeError):
        return PlanFile()


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)  # half a character: no JSON can carry it


def plan_name(paths: Iterable[Path], mappings: Iterable[RuleText]) -> str:
    """Return the name under which the plans of the rules below ``paths`` are kept.

    It holds everything all of them depend on: the mappings, our version and those of the libraries that made them.
    """
    digest = hashlib.sha256(" ".join((__version__, _version("pysigma"), _version("polars"))).encode())
    digest.update("\0".join(str(path.absolute()) for path in paths).encode(errors="surrogateescape"))
    for part in mappings:
        digest.update(f"\0{part.path}\0{part.text}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def text_key(text: str, placeholders: Mapping[str, tuple[str, ...]]) -> str:
    """Return the key of what one text means, wherever it lies; placeholders count only where a text can name them."""
    digest = hashlib.sha256(text.encode(errors="surrogateescape"))
    if "expand" in text or "\\x" in text or "\\u" in text:  # YAML may write the letters as escapes
        digest.update(repr(sorted(placeholders.items())).encode())
    return digest.hexdigest()[:32]


def placeholders_key(placeholders: Mapping[str, tuple[str, ...]]) -> str:
    """Return the key of what placeholders stand for."""
    return hashlib.sha256(repr(sorted(placeholders.items())).encode()).hexdigest()[:32]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def read_plan(cache_dir: Path, key: str) -> PlanFile:
    """Return the plans kept under ``key``; nothing when there are none."""
    try:
        return unpack(_plan_file(cache_dir, key).read_bytes())
    except OSError:
        return PlanFile()


def write_plan(cache_dir: Path, key: str, plan: bytes) -> None:
    """Keep ``plan`` under ``key`` and forget the oldest ones; a cache that cannot be written only costs time."""
    target = _plan_file(cache_dir, key)
    try:
        make_private(target.parent)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(plan)
        Path(file.name).replace(target)
        plans = sorted(target.parent.glob("*.plan.json"), key=lambda path: path.stat().st_mtime)
        for old in plans[:-_PLANS_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def _plan_file(cache_dir: Path, key: str) -> Path:
    return cache_dir / f"{key}.plan.json"
