"""Following files: only what is new, whole lines only, through rotation, compression, truncation and restarts."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from correlator.ingest.follow import FollowedFiles

LONG = "Nov 22 10:15:30 host sshd[1]: a line long enough for a file to be known by its beginning {}\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of two lines."""
    path = tmp_path / "auth.log"
    path.write_text(LONG.format(1) + LONG.format(2))
    return path


def _follow(log: Path, offsets: dict[str, int] | None = None) -> FollowedFiles:
    source = FollowedFiles("auth", [f"{log}*"])
    source.open(offsets or {})
    return source


def _new(source: FollowedFiles, positions: dict[str, int] | None = None) -> list[str]:
    """Return the last words of the new lines, noting positions."""
    found: list[str] = []
    while (batch := source.poll(1000, 0)) is not None:
        found += [text.split()[-1] for text in batch.rows["text"]]
        (positions if positions is not None else {}).update(batch.next_offsets)
    return found


def test_only_new_whole_lines(log: Path) -> None:
    """A line is given once, when its newline has come."""
    source = _follow(log)
    assert _new(source) == ["1", "2"]

    with log.open("a") as file:
        file.write("half")
    assert _new(source) == []

    with log.open("a") as file:
        file.write(" done\n")
    assert _new(source) == ["done"]


def _rename(log: Path) -> None:
    log.rename(f"{log}.1")


def _compress(log: Path) -> None:
    Path(f"{log}.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()


@pytest.mark.parametrize("rotate", [_rename, _compress])
def test_rotation_loses_and_repeats_nothing(log: Path, rotate: Callable[[Path], None]) -> None:
    """What was written before and after a rotation is read once, whether the reader saw it or was restarted."""
    positions: dict[str, int] = {}
    assert _new(_follow(log), positions) == ["1", "2"]
    with log.open("a") as file:
        file.write(LONG.format(3))
    rotate(log)
    log.write_text(LONG.format(4))

    assert sorted(_new(_follow(log, positions), positions)) == ["3", "4"]
    assert _new(_follow(log, positions), positions) == []


def test_line_numbers_go_on_after_a_restart(log: Path) -> None:
    """log.line is the line of the file, also when the reader starts in its middle."""
    positions: dict[str, int] = {}
    _new(_follow(log), positions)
    with log.open("a") as file:
        file.write(LONG.format(3))

    batch = _follow(log, positions).poll(10, 0)

    assert batch is not None
    assert batch.rows["line"].to_list() == [3]


def test_truncation_in_place_is_a_new_stream(log: Path) -> None:
    """Copy-and-truncate: the file begins anew, and is read from its new beginning."""
    source = _follow(log)
    _new(source)
    log.write_text(LONG.format("after").replace("Nov 22", "Nov 23"))

    assert _new(source) == ["after"]


def test_a_batch_is_bounded_and_nothing_is_skipped(log: Path) -> None:
    """Many lines come in batches of at most max_rows, all of them, in order."""
    log.write_text("".join(LONG.format(n) for n in range(25)))
    source, sizes = _follow(log), []
    while (batch := source.poll(10, 0)) is not None:
        sizes.append(batch.rows.height)

    assert sizes == [10, 10, 5]


def test_an_empty_file_and_a_missing_one_wait(tmp_path: Path) -> None:
    """A pattern without files, or with an empty one, is no error: the file may come."""
    (tmp_path / "a.log").touch()
    source = FollowedFiles("a", [str(tmp_path / "a.log"), str(tmp_path / "missing*.log")])
    source.open({})

    assert source.poll(10, 0) is None


def test_an_event_log_gives_each_record_once(tmp_path: Path) -> None:
    """A Windows log is rewritten in place: only records with a new number are given, its damaged chunk is told once."""
    sample = Path(__file__).parents[4] / "shared/data/evtx-rs"
    logs = sorted(sample.rglob("sysmon.evtx"))
    if not logs:
        pytest.skip("../shared/data/evtx-rs is absent")
    log = tmp_path / "sysmon.evtx"
    log.write_bytes(logs[0].read_bytes())
    source = _follow(log)
    rows, refused = 0, 0
    while (batch := source.poll(1000, 0)) is not None:
        rows += batch.rows.height
        refused += 0 if batch.rejects is None else batch.rejects.height

    assert (rows, refused) == (358, 8)
    log.touch()
    assert source.poll(1000, 0) is None
