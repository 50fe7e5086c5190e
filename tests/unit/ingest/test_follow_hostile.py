"""Following files that begin alike, vanish, wrap around or are closed to us: nothing twice, nothing lost, no crash."""

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from correlator.ingest import follow
from correlator.ingest.evtx import EvtxRecord
from correlator.ingest.follow import FollowedFiles

HEADER = "date;user;action;result;detail;address;host;service;commune;session;and;so;on\n"
LONG = "Nov 22 10:15:30 host sshd[1]: a line long enough for a file to be known by its beginning {}\n"


def _follow(pattern: Path, offsets: dict[str, int] | None = None) -> FollowedFiles:
    source = FollowedFiles("s", [str(pattern)])
    source.open(offsets or {})
    return source


def _new(source: FollowedFiles, positions: dict[str, int] | None = None, rows: int = 1000) -> list[str]:
    found: list[str] = []
    while (batch := source.poll(rows, 0)) is not None:
        found += [text.split()[-1] for text in batch.rows["text"]]
        (positions if positions is not None else {}).update(batch.next_offsets)
    return found


def test_files_with_the_same_header_are_different_streams(tmp_path: Path) -> None:
    """Daily exports begin with the same header, longer than a file's identity: each is read whole, also after a restart."""
    source, positions = _follow(tmp_path / "*.csv"), dict[str, int]()
    (tmp_path / "a.csv").write_text(HEADER)
    assert _new(source, positions) == [HEADER.strip()]
    (tmp_path / "a.csv").write_text(HEADER + "a1\na2\n")
    (tmp_path / "b.csv").write_text(HEADER + "b1\n")
    assert sorted(_new(source, positions)) == ["a1", "a2", "b1", HEADER.strip()]

    with (tmp_path / "a.csv").open("a") as file:
        file.write("a3\n")
    again = _follow(tmp_path / "*.csv", positions)

    assert _new(again) == ["a3"]


def test_a_replaced_file_that_begins_alike_is_read_from_its_start(tmp_path: Path) -> None:
    """An export that is written anew under its old name is another file, though it has the same header."""
    path = tmp_path / "a.csv"
    path.write_text(HEADER)
    source = _follow(path)
    _new(source)
    path.write_text(HEADER + "a1\na2\n")
    _new(source)
    (tmp_path / "fresh").write_text(HEADER + "b1\n")
    (tmp_path / "fresh").rename(path)

    assert _new(source) == [HEADER.strip(), "b1"]


def test_a_copy_beside_its_original_is_not_read_again(tmp_path: Path) -> None:
    """While logrotate copies or packs a log, both are there: the records are still the same ones."""
    path = tmp_path / "a.log"
    path.write_text(LONG.format(1) + LONG.format(2))
    source = _follow(tmp_path / "a.log*")
    assert _new(source) == ["1", "2"]

    (tmp_path / "a.log.1").write_text(LONG.format(1) + LONG.format(2))
    (tmp_path / "a.log.2.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert _new(source) == []

    path.write_text(LONG.format(3).replace("Nov 22", "Nov 23"))
    assert _new(source) == ["3"]


def test_a_truncated_log_that_outgrows_its_old_size_is_read_once(tmp_path: Path) -> None:
    """After copy-and-truncate the old stream does not go on in the new content of the same file."""
    path = tmp_path / "a.log"
    path.write_text(LONG.format(1) + LONG.format(2))
    source = _follow(path)
    _new(source)
    path.write_text(LONG.format("x1").replace("Nov 22", "Nov 23"))
    assert _new(source) == ["x1"]

    with path.open("a") as file:
        file.writelines(LONG.format(f"x{number}") for number in range(2, 6))

    assert _new(source) == ["x2", "x3", "x4", "x5"]


def test_a_file_that_vanishes_or_closes_while_it_is_looked_at_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing and the reading a file may be rotated away, or its rights may change: the others are read."""
    (tmp_path / "a.log").write_text(LONG.format(1))
    (tmp_path / "b.log").write_text(LONG.format(2).replace("Nov", "Dec"))
    source = _follow(tmp_path / "*.log")
    listed = [str(tmp_path / name) for name in ("gone.log", "a.log", "b.log")]
    monkeypatch.setattr(follow.glob, "glob", lambda *_args, **_named: listed)

    assert sorted(_new(source)) == ["1", "2"]

    def closed(*_args: object) -> object:
        raise PermissionError(13, "Permission denied")

    with (tmp_path / "a.log").open("a") as file:
        file.write("next line\n")
    with monkeypatch.context() as patched:
        patched.setattr(follow, "decompressed", closed)
        assert source.poll(10, 0) is None
    batch = source.poll(10, 0)
    assert batch is not None
    assert batch.rows["text"].to_list() == ["next line"]


def test_a_packed_log_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large packed file is read on from batch to batch, not from its start each time."""
    (tmp_path / "a.log.gz").write_bytes(gzip.compress("".join(LONG.format(n) for n in range(100)).encode()))
    source, opened = _follow(tmp_path / "*.gz"), []
    real = follow.decompressed
    monkeypatch.setattr(follow, "decompressed", lambda file: opened.append(1) or real(file))

    assert _new(source, rows=10) == [str(number) for number in range(100)]
    assert len(opened) <= 2


def _event_log(path: Path, next_record: int, first: bytes = b"first record") -> None:
    header = struct.pack("<8sQQQ", b"ElfFile\0", 0, 0, next_record).ljust(4096 + 512, b"\0")
    record = b"\x2a\x2a\0\0" + struct.pack("<I", 8 + len(first)) + first
    path.write_bytes((header + record).ljust(4096 + 65536, b"\0"))


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the record numbers that the reader finds in a log, in file order."""
    found: list[int] = []

    def read(_path: Path) -> Iterator[EvtxRecord]:
        return (EvtxRecord(number, line, f"record {number}") for line, number in enumerate(found, start=1))

    monkeypatch.setattr(follow, "read_evtx", read)
    return found


def test_an_event_log_stays_itself_while_it_grows(tmp_path: Path, numbers: list[int]) -> None:
    """Its header changes with every event and its size does not: it is one stream, and new events are seen."""
    path, positions = tmp_path / "Security.evtx", dict[str, int]()
    numbers += [1, 2]
    _event_log(path, 3)
    source = _follow(path)
    assert _new(source, positions) == ["1", "2"]

    numbers.append(3)
    _event_log(path, 4)
    assert _new(source, positions) == ["3"]
    assert len(positions) == 1


def test_a_full_event_log_is_read_by_record_number(tmp_path: Path, numbers: list[int]) -> None:
    """A log that goes on at its beginning holds its newest records first; none is passed over, none comes twice."""
    path, positions = tmp_path / "Security.evtx", dict[str, int]()
    numbers += [8, 9, 4, 5, 6, 7]
    _event_log(path, 10)
    source = _follow(path)
    assert _new(source, positions, rows=4) == ["4", "5", "6", "7", "8", "9"]

    numbers[:] = [8, 9, 10, 11, 6, 7]
    _event_log(path, 12, first=b"overwritten by a newer one")
    assert _new(source, positions) == ["10", "11"]

    assert _new(_follow(path, positions)) == []
