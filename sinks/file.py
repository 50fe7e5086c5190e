"""Incidents appended to a file, one change per line (NDJSON): for whatever reads files.

Settings: ``path`` (the file; its folder must exist). A line is ``{"v":1, "change":…, "sequence":…, "external_id":…,
"incident":{…}}``; each is safe on disk before it counts as delivered. A change is written once, whatever crashed in between:
before it appends, the sink looks for it in the end of the file. The file may be moved away at any time (logrotate): the next
line starts a new one. Several processes may write to one file.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from correlator.deliver.contract import ExternalRef, IncidentChange, RemoteState, Request, SinkKind
from correlator.errors import Fatal, InputError, Problem, Retry

_SEARCHED = 16 << 20  # a change whose answer was lost is near the end: 16 MiB are some thousand incidents


class FileSink:
    """Appends changes to one file."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    def __repr__(self) -> str:
        """Return the sink with its place."""
        return f"FileSink({self.name!r}, {str(self.path)!r})"

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return one line to append."""
        del ref
        line = {
            "v": change.v,
            "change": str(change.change),
            "sequence": change.sequence,
            "external_id": change.external_id,
            "incident": change.incident,
        }
        return (Request("append", str(self.path), body=orjson.dumps(line) + b"\n"),)

    def find(self, external_id: str) -> ExternalRef | None:
        """Return the newest change of the incident that the end of the file holds: its remote id is its sequence."""
        try:
            with self.path.open("rb") as stream:
                found = _sequences(stream.fileno()).get(external_id)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._named(error) from error
        return None if found is None else self._ref(external_id, found)

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Append what is not there yet."""
        del ref
        sent = None
        for request in requests:
            line = orjson.loads(request.body)
            try:
                self._append(request.body, line["external_id"], line["sequence"])
            except OSError as error:
                raise self._named(error) from error
            sent = self._ref(line["external_id"], line["sequence"])
        if sent is None:
            raise Fatal(f"sink {self.name}: nothing to append")
        return sent

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return whether the incident is in the end of the file."""
        found = self.find(ref.external_id)
        return RemoteState(exists=found is not None, fields={"sequence": found.remote_id} if found else {})

    def check(self) -> list[Problem]:
        """Return what keeps the file from being written."""
        where = self.path if self.path.exists() else self.path.parent
        if self.path.is_dir():
            return [Problem(str(self.path), 0, "is a folder", "name a file in it")]
        if not where.exists():
            return [Problem(str(where), 0, "no such folder", "make it, writable for this user")]
        if not os.access(where, os.W_OK):
            return [Problem(str(where), 0, "not writable for this user", "give this user the right to write")]
        return []

    def _append(self, line: bytes, external_id: str, sequence: int) -> None:
        with _locked(self.path) as descriptor:
            if _sequences(descriptor).get(external_id, 0) >= sequence:
                return
            end = _whole_end(descriptor)
            os.ftruncate(descriptor, end)  # half a line of a crashed writer: its change is delivered again
            try:
                _write_all(descriptor, line, end)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, end)
                raise

    def _ref(self, external_id: str, sequence: int) -> ExternalRef:
        return ExternalRef(external_id, str(sequence), self.path.absolute().as_uri())

    def _named(self, error: OSError) -> Fatal | Retry:
        what = f"sink {self.name}: {self.path}: {error.strerror}"
        wrong = isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError)
        return Fatal(f"{what}; mend the path or its rights") if wrong else Retry(what)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Give the open file, held against other writers; if it was moved away meanwhile, the new one."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, line: bytes, end: int) -> None:
    written = 0
    while written < len(line):
        written += os.pwrite(descriptor, line[written:], end + written)


def _tail(descriptor: int) -> tuple[bytes, int]:
    """Return the end of the file, and where it begins."""
    start = max(os.fstat(descriptor).st_size - _SEARCHED, 0)
    return os.pread(descriptor, _SEARCHED, start), start


def _whole_end(descriptor: int) -> int:
    """Return the offset after the last whole line."""
    tail, start = _tail(descriptor)
    return start + tail.rfind(b"\n") + 1


def _sequences(descriptor: int) -> dict[str, int]:
    """Return external id → last sequence, of the whole lines in the end of the file."""
    found: dict[str, int] = {}
    tail, _ = _tail(descriptor)
    for line in tail[: tail.rfind(b"\n") + 1].splitlines():
        try:
            change = orjson.loads(line)
            found[change["external_id"]] = max(change["sequence"], found.get(change["external_id"], 0))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # the cut first line, or a line that is not ours
    return found


def _make(name: str, settings: Mapping[str, Any]) -> FileSink:
    where = f"sink {name}"
    problems = [Problem(where, 0, f"unknown setting {key!r}", "known: path") for key in settings if key != "path"]
    path = settings.get("path")
    if not isinstance(path, str) or not path:
        problems.append(Problem(where, 0, "no path", 'write path = "/var/lib/tocsin/incidents.ndjson"'))
    if problems:
        raise InputError(problems)
    return FileSink(name, Path(str(path)))


SINK = SinkKind("file", _make)
