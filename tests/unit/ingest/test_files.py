"""Files of every container and kind become rows with positions; what cannot is refused with its place."""

import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pytest
import zstandard

from correlator.errors import InputError
from correlator.ingest.files import read_paths
from correlator.ingest.text import LineSplitter
from correlator.model.raw import Flag, RawBatch

LINES = "first\nsecond é\nthird"


def _read(*paths: Path) -> list[RawBatch]:
    return list(read_paths([str(path) for path in paths]))


def _texts(batches: list[RawBatch]) -> list[str]:
    return [text for batch in batches for text in batch.rows["text"].to_list()]


def _refusals(batches: list[RawBatch]) -> list[tuple[str, int]]:
    rejects = [batch.rejects for batch in batches if batch.rejects is not None]
    return [pair for frame in rejects for pair in frame.select("reason", "line").iter_rows()]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.log", bytes),
        ("a.log.gz", gzip.compress),
        ("a.log.xz", lzma.compress),
        ("a.log.zst", zstandard.ZstdCompressor().compress),
    ],
)
def test_same_rows_from_every_compression(tmp_path: Path, name: str, pack: object) -> None:
    """A compressed file gives the lines, numbers and offsets of the plain one."""
    path = tmp_path / name
    path.write_bytes(pack(LINES.encode()))  # type: ignore[operator]

    rows = _read(path)[0].rows

    assert rows.select("line", "offset", "text").rows() == [(1, 0, "first"), (2, 6, "second é"), (3, 16, "third")]
    assert rows["id"].to_list() == [f"replay~{name}~{offset}" for offset in (0, 6, 16)]


def test_zip_members_are_streams(tmp_path: Path) -> None:
    """Each member of a zip is a stream of its own, also a compressed one inside."""
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.log", "one\n")
        archive.writestr("dir/b.log.gz", gzip.compress(b"two\n"))

    rows = _read(path)[0].rows

    assert rows.select("stream", "text").rows() == [("logs.zip!a.log", "one"), ("logs.zip!dir/b.log.gz", "two")]


def test_directories_are_read_in_name_order(tmp_path: Path) -> None:
    """A directory gives all files below it; the stream is the path below the argument."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.log").write_text("two\n")
    (tmp_path / "1.log").write_text("one\n")

    assert _read(tmp_path)[0].rows["stream"].to_list() == ["1.log", "b/2.log"]


def test_windows_1252_is_read_and_flagged(tmp_path: Path) -> None:
    """Latin-1 lines of old municipal software are read as Windows-1252; only they carry the flag."""
    path = tmp_path / "old.log"
    path.write_bytes("état €\n".encode("cp1252") + "état\n".encode())

    assert _read(path)[0].rows.select("text", "flags").rows() == [("état €", Flag.CP1252), ("état", 0)]


def test_bytes_that_no_code_page_has_are_kept(tmp_path: Path) -> None:
    """Bytes undefined in Windows-1252 do not stop the reading."""
    path = tmp_path / "odd.log"
    path.write_bytes(b"a\x81b\nnext\n")

    assert _texts(_read(path)) == ["a\x81b", "next"]


def test_a_line_over_one_mebibyte_is_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    """A 10 MiB line is one reject with its line number; lines before and after it are rows."""
    path = tmp_path / "long.log"
    path.write_bytes(b"before\n" + b"x" * (10 << 20) + b"\nafter\n")

    batches = _read(path)

    assert _texts(batches) == ["before", "after"]
    assert _refusals(batches) == [("too_long", 2)]
    assert batches[-1].rows["offset"].to_list()[-1] == 7 + (10 << 20) + 1


def test_an_endless_line_is_refused_at_the_end_of_the_file(tmp_path: Path) -> None:
    """A long line without its newline is refused once."""
    path = tmp_path / "long.log"
    path.write_bytes(b"x" * (6 << 20))

    assert _refusals(_read(path)) == [("too_long", 1)]


@pytest.mark.parametrize("text", ['[{"a":1},{"a":2}]', '[\n {"a":1},\n {"a":2}\n]\n', '{\n "a":1\n}\n{\n "a":2\n}\n'])
def test_json_arrays_and_pretty_objects_are_records(tmp_path: Path, text: str) -> None:
    """The elements of an array, or of objects over several lines, are one record each, numbered from 1."""
    path = tmp_path / "a.json"
    path.write_text(text)

    rows = _read(path)[0].rows

    assert [json.loads(value) for value in rows["text"]] == [{"a": 1}, {"a": 2}]
    assert rows["line"].to_list() == [1, 2]


def test_ndjson_stays_lines(tmp_path: Path) -> None:
    """One object a line is read by lines, so a broken line costs itself only."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"a":1}\n{"a":\n{"a":3}\n')

    assert _texts(_read(path)) == ['{"a":1}', '{"a":', '{"a":3}']


def test_a_broken_element_does_not_hide_the_next(tmp_path: Path) -> None:
    """Inside an array a broken element becomes one record that no parser reads; the following elements are whole."""
    path = tmp_path / "a.json"
    path.write_text('[\n {"a":1},\n {"a":oops},\n {"a":3}\n]')

    texts = _texts(_read(path))

    assert texts[0] == '{"a":1}'
    assert texts[-1] == '{"a":3}'
    assert "oops" in texts[1]


def test_a_log_line_in_brackets_is_not_json(tmp_path: Path) -> None:
    """Apache's error log begins with a bracket and is read by lines."""
    path = tmp_path / "error.log"
    path.write_text("[Thu Jun 09 06:07:04 2005] [notice] LDAP: Built\n[Thu Jun 09 06:07:05 2005] x\n")

    assert len(_texts(_read(path))) == 2


def test_binary_is_refused_once(tmp_path: Path) -> None:
    """An image among the logs is one reject, not thousands of lines."""
    path = tmp_path / "photo.png"
    path.write_bytes(bytes(range(32)) * 400)

    assert _refusals(_read(path)) == [("not_text", 1)]


def test_a_cut_gzip_gives_its_lines_then_a_refusal(tmp_path: Path) -> None:
    """A gzip file cut in the middle gives what could be read, and says that it is damaged."""
    path = tmp_path / "cut.gz"
    packed = gzip.compress("\n".join(str(n) * 20 for n in range(2000)).encode())
    path.write_bytes(packed[: len(packed) // 2])

    assert [reason for reason, _ in _refusals(_read(path))] == ["damaged"]


def test_utf_16_with_a_mark_is_read(tmp_path: Path) -> None:
    """Text that Windows wrote as UTF-16 is read."""
    path = tmp_path / "w.log"
    path.write_bytes("été\r\nb\r\n".encode("utf-16"))

    assert _texts(_read(path)) == ["été", "b"]


def test_standard_input() -> None:
    """``-`` reads standard input, also compressed."""
    batches = list(read_paths(["-"], binary=io.BytesIO(gzip.compress(b"a\nb\n"))))

    assert _texts(batches) == ["a", "b"]


def test_a_missing_path_says_what_to_give(tmp_path: Path) -> None:
    """A path that does not exist, and an empty folder, are told together."""
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError) as caught:
        _read(tmp_path / "nope", tmp_path / "empty")

    assert ["no such file" in caught.value.problems[0].what, "holds no file" in caught.value.problems[1].what] == [True, True]


def test_batches_are_cut_and_positions_go_on(tmp_path: Path) -> None:
    """25,000 lines make three batches whose next offsets only grow."""
    path = tmp_path / "many.log"
    path.write_text("x\n" * 25_000)

    batches = _read(path)

    assert [batch.rows.height for batch in batches] == [10_000, 10_000, 5_000]
    assert [batch.next_offsets["many.log"] for batch in batches] == [19_999, 39_999, 49_999]


def test_lines_do_not_depend_on_chunks() -> None:
    """Any cut of the byte stream gives the same lines and offsets."""
    data = b"a\n\nbb\r\nccc\n" + b"y" * 50
    whole = LineSplitter()
    expected = [*whole.feed(data), *whole.finish()]
    for cut in range(1, len(data)):
        splitter = LineSplitter()
        assert [*splitter.feed(data[:cut]), *splitter.feed(data[cut:]), *splitter.finish()] == expected


def test_files_of_the_same_name_have_ids_of_their_own(tmp_path: Path) -> None:
    """Two machines' auth.log, named one by one or as folders: no event id is given twice, wherever they lie."""
    for machine in ("srv1", "srv2"):
        (tmp_path / machine).mkdir()
        (tmp_path / machine / "auth.log").write_text("one\n")
    apart = ["replay~srv1/auth.log~0", "replay~srv2/auth.log~0"]

    assert _read(tmp_path / "srv1" / "auth.log", tmp_path / "srv2" / "auth.log")[0].rows["id"].to_list() == apart
    assert _read(tmp_path / "srv1", tmp_path / "srv2")[0].rows["id"].to_list() == apart


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    """As itself and as part of its folder."""
    (tmp_path / "a.log").write_text("one\n")

    assert _read(tmp_path, tmp_path / "a.log")[0].rows["id"].to_list() == ["replay~a.log~0"]
