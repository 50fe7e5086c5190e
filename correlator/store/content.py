"""Rule files from disk, and the plan cache: what each file compiled to, so that the next start need not read Sigma."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from correlator import __version__
from correlator.errors import InputError, Problem
from correlator.model.rule import RuleText

#: Below a rules folder, files here are pySigma pipelines, not rules.
MAPPINGS = "mappings"
SUFFIXES = (".yml", ".yaml")
SIZE_LIMIT = 16 * 1024 * 1024  # bytes; larger files are not read, the loader says so

_PLANS_KEPT = 20


def read_rules(paths: Sequence[Path], inside: Path | None = None) -> tuple[RuleText, ...]:
    """Return the texts of the YAML files in ``paths``, folders recursively, each file once, sorted within a folder.

    ``mappings`` folders and hidden ones inside are left out. Raises InputError when a path is missing; a file that is no text
    or cannot be read becomes a text that the loader refuses, and so does a link that leads out of the folder ``inside``.
    """
    missing = [
        Problem(str(path), 0, "there is no such file or folder", "a rule file or a folder")
        for path in paths
        if not path.exists()
    ]
    if missing:
        raise InputError(missing)
    found = dict.fromkeys(file for path in paths for file in _rule_files(path))
    return tuple(_read(file, inside) for file in found)


def find_mappings(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the ``mappings`` folders directly inside ``paths``."""
    return tuple(path / MAPPINGS for path in paths if (path / MAPPINGS).is_dir())


def content_stamp(paths: Iterable[Path]) -> tuple[tuple[str | int, ...], ...]:
    """Return what changes when any file that rules are read from below ``paths`` does, without reading them.

    The time of change of the inode counts: unlike that of the file it cannot be set back, by an archiver or anybody else.
    """
    return tuple(_stamp(file) for path in paths for file in (*_rule_files(path), *_mapping_files(path)))


def _mapping_files(path: Path) -> Iterable[str]:
    return sorted(map(str, (path / MAPPINGS).glob("*.y*ml")))


def _stamp(file: str) -> tuple[str | int, ...]:
    try:
        found = os.stat(file)  # noqa: PTH116 - thousands of path objects take longer than the files
    except OSError:
        return (file,)
    return file, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _rule_files(path: Path) -> Iterable[str]:
    """Yield the files as text: thousands of path objects would take longer than reading the files."""
    if not path.is_dir():
        yield str(path)
        return
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if name != MAPPINGS and not name.startswith("."))
        chosen = (f"{folder}{os.sep}{name}" for name in sorted(names) if name.endswith(SUFFIXES))
        yield from (name.removeprefix("./") for name in chosen)


def _leads_out(file: str, folder: Path) -> bool:
    if not os.path.islink(file):  # noqa: PTH114 - as above
        return False
    return not Path(file).resolve().is_relative_to(folder.resolve())


def _read(file: str, inside: Path | None) -> RuleText:
    if inside is not None and _leads_out(file, inside):
        return RuleText(file, "", "the file is a link that leads outside of its rule set")
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer must not hold anybody up
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return RuleText(file, "", "this is a device or a pipe, no file")
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        return RuleText(file, "", f"the file cannot be read: {error.strerror}")
    text = content if len(content) <= SIZE_LIMIT else b"\0"
    return RuleText(file, text.decode("utf-8-sig", errors="surrogateescape"))


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


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def read_plan(cache_dir: Path, key: str) -> bytes | None:
    """Return the plan kept under ``key``; None when there is none."""
    try:
        return _plan_file(cache_dir, key).read_bytes()
    except OSError:
        return None


def make_private(folder: Path) -> None:
    """Make ``folder`` and its missing parents for their owner only; what is there keeps its rights."""
    for missing in [path for path in (*reversed(folder.parents), folder) if not path.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)


def hand_over(folder: Path, like: Path) -> None:
    """Give ``folder`` and all in it to the owner of ``like`` when root made it: else the service could not read it."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = like.stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


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
