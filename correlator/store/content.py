"""Rule files from disk: which there are, what tells that one changed, and their texts."""

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from correlator.errors import InputError, Problem
from correlator.model.rule import RuleText

#: Below a rules folder, files here are pySigma pipelines, not rules.
MAPPINGS = "mappings"
SUFFIXES = (".yml", ".yaml")
SIZE_LIMIT = 16 * 1024 * 1024  # bytes; larger files are not read, the loader says so

#: What tells that a file changed: inode, size, time of its content, time of its inode.
Stamp = tuple[int, int, int, int]
#: Nanoseconds after which a second change of a file bears another time, however coarse the clock of its file system is.
_SETTLED_NS = 3_000_000_000


def read_rules(paths: Sequence[Path], inside: Path | None = None) -> tuple[RuleText, ...]:
    """Return the texts of the YAML files in ``paths``, folders recursively, each file once, sorted within a folder.

    ``mappings`` folders and hidden ones inside are left out. Raises InputError when a path is missing; a file that is no text
    or cannot be read becomes a text that the loader refuses, and so does a link that leads out of the folder ``inside``.
    """
    return tuple(read_rule(file, inside) for file in rule_files(paths))


def rule_files(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the YAML files that ``read_rules`` reads. Raises InputError when a path is missing."""
    missing = [
        Problem(str(path), 0, "there is no such file or folder", "a rule file or a folder")
        for path in paths
        if not path.exists()
    ]
    if missing:
        raise InputError(missing)
    return tuple(dict.fromkeys(file for path in paths for file in _rule_files(path)))


def settled_stamp(file: str) -> Stamp | None:
    """Return a stamp of a plain file: while it stays the same, so does the content.

    None for anything else (a link, whose target may change), and for a file changed so lately that it could change again
    within the same tick of the clock.
    """
    try:
        found = os.lstat(file)
    except OSError:
        return None
    lately = time.time_ns() - found.st_ctime_ns < _SETTLED_NS
    if lately or not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


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


def _rule_files(path: Path) -> Iterator[str]:
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


def read_rule(file: str, inside: Path | None = None) -> RuleText:
    """Return the text of one file, or why there is none: see ``read_rules``."""
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
