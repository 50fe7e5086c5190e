"""Damaged archives and odd file names cost what is damaged, never the run."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from correlator.ingest.files import read_paths
from correlator.ingest.follow import FollowedFiles
from correlator.model.raw import RawBatch


def _reasons(batches: list[RawBatch]) -> list[str]:
    return [reason for batch in batches if batch.rejects is not None for reason in batch.rejects["reason"]]


def _damaged_gzip() -> bytes:
    packed = bytearray(gzip.compress(b"".join(b"line %d of a text\n" % number for number in range(100_000))))
    middle = len(packed) // 2
    packed[middle : middle + 50] = b"\xff" * 50
    return bytes(packed)


def _zip(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "a line\n" * 10_000)
    return packed.getvalue()


def test_damaged_deflate_data_costs_the_rest_of_the_file(tmp_path: Path) -> None:
    """A gzip file that is broken in its middle gives the lines before, one refusal, and the next file."""
    (tmp_path / "a.log.gz").write_bytes(_damaged_gzip())
    (tmp_path / "b.log").write_text("after\n")

    batches = list(read_paths([str(tmp_path)]))

    assert _reasons(batches) == ["damaged"]
    assert batches[0].rows["text"][0] == "line 0 of a text"
    assert batches[-1].rows["text"][-1] == "after"


def test_damaged_standard_input_is_a_refusal() -> None:
    """What is piped in may be broken too."""
    assert _reasons(list(read_paths(["-"], binary=io.BytesIO(_damaged_gzip())))) == ["damaged"]


def test_damaged_deflate_data_does_not_stop_a_followed_source(tmp_path: Path) -> None:
    """A rotated file that is broken is told once; the others are read."""
    (tmp_path / "a.log.1.gz").write_bytes(_damaged_gzip())
    (tmp_path / "a.log").write_text("a line that is long enough to know its file by: sixty-four bytes\n")
    source = FollowedFiles("s", [str(tmp_path / "a.log*")])
    source.open({})

    batches = [batch for _ in range(30) if (batch := source.poll(10_000, 0)) is not None]

    assert _reasons(batches) == ["damaged"]
    assert any(path.endswith("a.log") for batch in batches for path in batch.rows["path"])


@pytest.mark.parametrize(
    "packed",
    [
        _zip("été.log").replace("été".encode(), b"\xff\xfe\xff\xfe\xff"),
        _zip("a.log")[:38] + b"\xff" * 20 + _zip("a.log")[58:],
    ],
    ids=["name", "data"],
)
def test_a_damaged_zip_is_a_refusal(tmp_path: Path, packed: bytes) -> None:
    """Names of members that are no text, and broken members, are damage, not a fault of ours."""
    (tmp_path / "logs.zip").write_bytes(packed)

    assert _reasons(list(read_paths([str(tmp_path)]))) == ["damaged"]


def test_file_names_that_are_no_utf_8_are_read(tmp_path: Path) -> None:
    """Old software names files in Latin-1: they are read, replayed or followed, with the odd bytes spelled out."""
    place = os.fsencode(tmp_path) + b"/journal_\xe9t\xe9.log"
    with open(place, "wb") as file:  # noqa: PTH123 - a name of bytes
        file.write(b"hello\n")
    source = FollowedFiles("s", [str(tmp_path / "*.log")])
    source.open({})
    followed = source.poll(10, 0)

    (replayed,) = read_paths([str(tmp_path)])

    assert replayed.rows.select("id", "text").rows() == [("replay~journal_\\xe9t\\xe9.log~0", "hello")]
    assert followed is not None
    assert followed.rows["path"].to_list() == [f"{tmp_path}/journal_\\xe9t\\xe9.log"]
