"""Writing the board's pages into a folder: a reader never meets half a page, a crash leaves the former ones."""

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from tempfile import mkdtemp
from time import time

from correlator.errors import InputError, Problem
from correlator.runtime.board import BoardModel
from correlator.runtime.board_pages import pages
from correlator.store.durable import sync_folder

#: Printable pages kept from former exports: two days of hours.
KEPT = 48
_ARCHIVE = "archives"
_DRAFT = ".tocsin-"
_ABANDONED_S = 3600


def export_board(board: BoardModel, folder: Path, own: Mapping[str, BoardModel] | None = None) -> list[Path]:
    """Write the pages of ``board`` into ``folder`` and return them, ``index.html`` last; keep the last printable ones.

    ``own``: commune id → the board as that commune may see it (``own_boards``): its page may be handed to it.

    Each page is written whole beside its place, then takes it. Raises InputError when the folder does not take them: the
    former pages are untouched, or some are newer than others, but none is broken.
    """
    made = pages(board, own)
    archived = f"{_ARCHIVE}/a4-{board.generated_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.html"
    texts = {**made, archived: made["a4.html"]}
    try:
        written = _write(folder, texts)
        _tidy(folder, made)
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise InputError([Problem(str(folder), 0, what, "mount it, free space, or let this user write to it")]) from error
    return written


def _write(folder: Path, texts: dict[str, str]) -> list[Path]:
    (folder / _ARCHIVE).mkdir(parents=True, exist_ok=True)
    _clear_drafts(folder)
    draft = Path(mkdtemp(prefix=_DRAFT, dir=folder))
    try:
        for name, text in texts.items():
            _write_through(draft / Path(name).name, text)
        order = sorted(texts, key=lambda name: name == "index.html")
        for name in order:
            (draft / Path(name).name).replace(folder / name)
        with suppress(OSError):  # network shares do not all allow it; the files themselves are on disk
            sync_folder(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return [folder / name for name in order]


def _write_through(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _clear_drafts(folder: Path) -> None:
    """Remove what a crash left; a younger draft may be another process at work."""
    for left in folder.glob(f"{_DRAFT}*"):
        if time() - left.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)


def _tidy(folder: Path, made: Iterable[str]) -> None:
    """Remove pages of communes that are gone, and all but the last printable pages."""
    current = set(made)
    gone = [path for path in folder.glob("commune-*.html") if path.name not in current]
    old = sorted((folder / _ARCHIVE).glob("a4-*.html"))[:-KEPT]
    for path in (*gone, *old):
        path.unlink(missing_ok=True)
