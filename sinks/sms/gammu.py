"""gammu-smsd's spool (its FILES service): what goes into ``outbox``, what came of it, what people sent back.

A message is one file, ``OUT<priority><date>_<time>_<serial>_<number>_<note>.txt``, UTF-8, written under another name and
renamed: the daemon never sees half of one. It moves the file to ``sent`` or ``error``. An SMS that comes in is
``IN<date>_<time>_<serial>_<number>_<part>.txt`` in ``inbox``.
"""

import hashlib
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from correlator.deliver.contract import Answer, Fate, Message
from correlator.errors import Problem, Retry

_IN = re.compile(r"IN(\d{8}_\d{6}_\d+)_(\+?\d+)_(\d+)\.txt")
_READ = 2_000


class Spool:
    """The folders of one gammu-smsd."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        root = Path(str(settings["spool"]))
        self.outbox = Path(str(settings.get("outbox", root / "outbox")))
        self.sent = Path(str(settings.get("sent", root / "sent")))
        self.error = Path(str(settings.get("error", root / "error")))
        self.inbox = Path(str(settings.get("inbox", root / "inbox")))
        self._seen = Path(str(settings.get("seen", root / "inbox-read")))
        self._wait_s = float(settings.get("confirm_s", 45))

    def __repr__(self) -> str:
        """Return where it is."""
        return f"Spool({str(self.outbox)!r})"

    def put(self, number: str, message: Message, text: str) -> str:
        """Give one SMS to the daemon and return the file's name; the same message is given once, wherever it got to."""
        note = hashlib.sha256(f"{message.key}\x1f{number}".encode()).hexdigest()[:16]
        there = self._named(note)
        if there is not None:
            return there.name
        name = f"OUTA{datetime.now(UTC):%Y%m%d_%H%M%S}_00_{number}_{note}.txt"
        half = self.outbox / f".{name}"
        try:
            with half.open("w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o660)  # the daemon's group reads and moves it
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            half.rename(self.outbox / name)
        except OSError as error:
            half.unlink(missing_ok=True)
            raise Retry(f"{self.outbox}: {error.strerror or error}") from error
        return name

    def fate(self, name: str) -> Fate:
        """Return what became of the file; one that the daemon left alone for too long is taken back."""
        if (self.sent / name).exists():
            return Fate.SENT
        waiting = self.outbox / name
        try:
            age_s = time.time() - waiting.stat().st_mtime
        except OSError:
            return Fate.SENT if (self.sent / name).exists() else Fate.FAILED
        if 0 <= age_s <= self._wait_s:
            return Fate.WAITING
        try:
            waiting.unlink()
        except OSError:  # it was taken just now, or the folder is closed to us
            return Fate.SENT if (self.sent / name).exists() else Fate.FAILED
        return Fate.FAILED

    def answers(self) -> tuple[Answer, ...]:
        """Return the SMS that came in; the parts of a long one are put together."""
        parts: dict[tuple[str, str], str] = {}
        try:
            names = sorted(path.name for path in self.inbox.iterdir())
        except OSError:
            return ()
        for name in names:
            found = _IN.fullmatch(name)
            if found and not (self._seen / name).exists():
                key = (found[1], found[2])
                parts[key] = parts.get(key, "") + _read(self.inbox / name)
        return tuple(Answer(moment, number, text) for (moment, number), text in parts.items())

    def answered(self, answer: Answer) -> None:
        """Take the SMS out of the inbox: into the folder beside it."""
        self._seen.mkdir(exist_ok=True)
        for path in self.inbox.glob(f"IN{answer.reference}_*"):
            path.replace(self._seen / path.name)

    def check(self, where: str) -> list[Problem]:
        """Return which folders are missing or closed to us, and whether files lie about that the daemon does not take."""
        problems = []
        for folder, mode in ((self.outbox, os.W_OK | os.X_OK), (self.sent, os.R_OK), (self.error, os.R_OK)):
            if not folder.is_dir() or not os.access(folder, mode):
                right = "create it as smsdrc names it, and give this user the daemon's group (gammu)"
                problems.append(Problem(where, 0, f"{folder} cannot be used", right))
        old = [path for path in self.outbox.glob("OUT*") if time.time() - path.stat().st_mtime > self._wait_s]
        if old:
            what = f"{len(old)} message(s) lie in {self.outbox} for over {self._wait_s:.0f} s"
            problems.append(Problem(where, 0, what, "is gammu-smsd running, and the modem registered? `gammu-smsd-monitor`"))
        return problems

    def _named(self, note: str) -> Path | None:
        places = (self.outbox, self.sent)
        return next((path for place in places for path in place.glob(f"OUT*_{note}.txt")), None)


def _read(path: Path) -> str:
    try:
        return path.read_bytes()[:_READ].decode("utf-8", errors="replace")
    except OSError:
        return ""
