"""The file sink: each change once, whole, whatever crashed, filled up or was rotated in between."""

import errno
import json
import os
from pathlib import Path

import pytest

from correlator.deliver.contract import Change, IncidentChange, Sink
from correlator.deliver.registry import find_sinks
from correlator.errors import Fatal, Retry

SINK = find_sinks()["file"]


def change(number: str, sequence: int) -> IncidentChange:
    """Return a change of an incident."""
    return IncidentChange(Change.UPDATED, sequence, f"sim9:{number}", {"number": number, "title": "Été"})


def sink(path: Path) -> Sink:
    """Return a sink on ``path``."""
    return SINK.make("journal", {"path": str(path)})


def send(on: Sink, number: str, sequence: int) -> str:
    """Send one change and return the remote id."""
    return on.send(on.render(change(number, sequence), None), None).remote_id


def lines(path: Path) -> list[tuple[str, int]]:
    """Return (external id, sequence) of the lines of ``path``."""
    return [(line["external_id"], line["sequence"]) for line in map(json.loads, path.read_text().splitlines())]


def test_changes_are_appended_in_order(tmp_path: Path) -> None:
    """One line each, for its owner and group only."""
    path = tmp_path / "out.ndjson"
    assert [send(sink(path), "26-0001", 1), send(sink(path), "26-0002", 1), send(sink(path), "26-0001", 2)] == ["1", "1", "2"]
    assert lines(path) == [("sim9:26-0001", 1), ("sim9:26-0002", 1), ("sim9:26-0001", 2)]
    assert path.stat().st_mode & 0o007 == 0


def test_a_repeated_send_writes_nothing(tmp_path: Path) -> None:
    """The answer was lost, the change is sent again, by another process: one line."""
    path = tmp_path / "out.ndjson"
    send(sink(path), "26-0001", 1)
    assert send(sink(path), "26-0001", 1) == "1"
    assert lines(path) == [("sim9:26-0001", 1)]


def test_find_says_what_is_there(tmp_path: Path) -> None:
    """None before, the last sequence after; no file is no answer, not an error."""
    one = sink(tmp_path / "out.ndjson")
    assert one.find("sim9:26-0001") is None
    send(one, "26-0001", 1)
    send(one, "26-0001", 2)
    found = one.find("sim9:26-0001")
    assert found is not None
    assert (found.remote_id, one.read(found).exists, one.find("sim9:26-0002")) == ("2", True, None)


def test_half_a_line_of_a_crashed_writer_is_replaced(tmp_path: Path) -> None:
    """The file stays readable line by line, and the change that was cut is there once."""
    path = tmp_path / "out.ndjson"
    one = sink(path)
    send(one, "26-0001", 1)
    with path.open("ab") as stream:
        stream.write(one.render(change("26-0002", 1), None)[0].body[:20])
    send(one, "26-0002", 1)
    assert lines(path) == [("sim9:26-0001", 1), ("sim9:26-0002", 1)]


def test_a_rotated_file_is_left_alone(tmp_path: Path) -> None:
    """After the file was moved away, the next line starts a new one."""
    path, moved = tmp_path / "out.ndjson", tmp_path / "out.ndjson.1"
    one = sink(path)
    send(one, "26-0001", 1)
    path.rename(moved)
    send(one, "26-0002", 1)
    assert (lines(moved), lines(path)) == ([("sim9:26-0001", 1)], [("sim9:26-0002", 1)])


def test_lines_of_others_are_kept(tmp_path: Path) -> None:
    """What somebody else wrote into the file neither stops us nor disappears."""
    path = tmp_path / "out.ndjson"
    path.write_text('# a comment\n[1]\n{"external_id": 3}\n')
    send(sink(path), "26-0001", 1)
    assert path.read_text().splitlines()[:3] == ["# a comment", "[1]", '{"external_id": 3}']
    assert json.loads(path.read_text().splitlines()[3])["sequence"] == 1


def test_a_full_disk_is_tried_again_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space: Retry; with space again the line is there once."""
    path = tmp_path / "out.ndjson"
    one = sink(path)
    send(one, "26-0001", 1)

    def full(descriptor: int, data: bytes, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(Retry, match="No space left"):
            send(one, "26-0001", 2)
    assert lines(path) == [("sim9:26-0001", 1)]
    send(one, "26-0001", 2)
    assert lines(path) == [("sim9:26-0001", 1), ("sim9:26-0001", 2)]


def test_a_missing_folder_stops_the_sink_and_check_says_so(tmp_path: Path) -> None:
    """Configuration, not weather: Fatal, and ``sinks check`` names the folder."""
    one = sink(tmp_path / "absent" / "out.ndjson")
    with pytest.raises(Fatal, match="No such file or directory; mend the path"):
        send(one, "26-0001", 1)
    assert [problem.what for problem in one.check()] == ["no such folder"]
    assert [problem.what for problem in sink(tmp_path).check()] == ["is a folder"]
    assert sink(tmp_path / "out.ndjson").check() == []
