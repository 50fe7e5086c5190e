"""EVTX: every readable event with its place, every damage told, no exception whatever the bytes are."""

import io
import json
from pathlib import Path

import pytest

from correlator.ingest.evtx import EvtxDamage, EvtxRecord, read_evtx

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
CHUNK_AT, CHUNK = 4096, 65_536


def sample(name: str) -> Path:
    """Return a real log of the shared pack, or skip."""
    path = SHARED / "evtx-rs" / "samples" / name
    if not path.exists():
        pytest.skip(f"needs {name} of ../shared/data/evtx-rs")
    return path


def split(source: Path | bytes | io.BytesIO) -> tuple[list[EvtxRecord], list[EvtxDamage]]:
    """Return records and damages of a source."""
    found = list(read_evtx(source))
    return [item for item in found if isinstance(item, EvtxRecord)], [item for item in found if isinstance(item, EvtxDamage)]


@pytest.mark.parametrize(
    "content",
    [b"", b"abc", b"PK\x03\x04" + bytes(100), b"ElfFile\0", b"ElfFile\0" + bytes(100), b"\xff" * 5000],
    ids=["empty", "text", "zip", "magic only", "short header", "binary"],
)
def test_what_is_no_event_log_is_one_damage(content: bytes) -> None:
    """A wrong or cut file is told once, at its beginning."""
    records, damages = split(content)
    assert records == []
    assert [damage.offset for damage in damages] == [0]


def test_a_wrong_file_says_what_was_expected() -> None:
    """The reason names what the file begins with and what it should begin with."""
    (damage,) = read_evtx(b"<Events>")
    assert isinstance(damage, EvtxDamage)
    assert damage.reason == "the file begins with b'<Events>'; an EVTX file begins with b'ElfFile\\x00'"


def test_a_log_that_was_never_written_to_is_empty() -> None:
    """A header without chunks is a log without events, not a damage."""
    assert list(read_evtx(b"ElfFile\0" + bytes(CHUNK_AT - 8))) == []


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The person mends a wrong path; it is no damage of a log."""
    with pytest.raises(FileNotFoundError):
        list(read_evtx(tmp_path / "absent.evtx"))


def test_every_record_has_its_number_its_line_and_its_text() -> None:
    """Offsets are record numbers, lines count from 1, the text is the event as JSON."""
    records, damages = split(sample("new-user-security.evtx"))
    assert damages == []
    assert [record.line for record in records] == [1, 2, 3, 4]
    assert [json.loads(record.text)["Event"]["System"]["EventID"] for record in records] == [4728, 4720, 4732, 4732]
    assert [record.offset for record in records] == sorted(record.offset for record in records)


def test_a_path_its_bytes_and_an_open_file_are_read_alike() -> None:
    """Members of archives come as bytes or as a file; they read like the file itself."""
    path = sample("new-user-security.evtx")
    assert list(read_evtx(path)) == list(read_evtx(path.read_bytes())) == list(read_evtx(io.BytesIO(path.read_bytes())))
    assert list(read_evtx(path)) == list(read_evtx(str(path)))


def test_damaged_chunks_are_told_and_the_rest_is_read() -> None:
    """The eight broken chunks of a real log are damages with their byte offset, its 358 events are read."""
    records, damages = split(sample("sysmon.evtx"))
    assert len(records) == 358
    assert [damage.offset for damage in damages] == [CHUNK_AT + number * CHUNK for number in range(9, 17)]
    assert damages[0].reason.startswith("Failed to parse chunk number 9")


def test_a_chunk_broken_in_the_middle_costs_that_chunk_only() -> None:
    """Events before and after it are read; the damage lies where the chunk begins."""
    whole = bytearray(sample("security.evtx").read_bytes())
    healthy, _ = split(bytes(whole))
    whole[CHUNK_AT + 2 * CHUNK : CHUNK_AT + 2 * CHUNK + 8] = b"XXXXXXXX"
    records, damages = split(bytes(whole))
    assert [damage.offset for damage in damages] == [CHUNK_AT + 2 * CHUNK]
    assert records[0].offset == healthy[0].offset
    assert records[-1].offset == healthy[-1].offset
    assert 0 < len(healthy) - len(records) < len(healthy) / 2


@pytest.mark.parametrize("keep", [5000, CHUNK_AT + CHUNK - 100, CHUNK_AT + CHUNK + 40_000])
def test_a_cut_file_gives_what_is_left_and_tells_the_rest(keep: int) -> None:
    """Whole chunks are read, the chunk that the file ends in is a damage."""
    content = sample("security.evtx").read_bytes()
    healthy, _ = split(content)
    records, damages = split(content[:keep])
    rest = (keep - CHUNK_AT) % CHUNK
    assert records == healthy[: len(records)]
    assert damages == [EvtxDamage(keep - rest, f"the file ends inside a chunk: {rest} of {CHUNK} bytes are there")]


def test_a_file_without_any_event_can_end_inside_a_chunk() -> None:
    """Also told where no chunk is whole."""
    (damage,) = read_evtx(io.BytesIO(b"ElfFile\0" + bytes(CHUNK_AT)))
    assert damage == EvtxDamage(CHUNK_AT, f"the file ends inside a chunk: 8 of {CHUNK} bytes are there")


@pytest.mark.corpus
def test_the_attack_pack_is_read_whole() -> None:
    """143 files, 5,858 events, no damage."""
    folder = SHARED / "evtx-to-mitre"
    if not folder.exists():
        pytest.skip("needs ../shared/data/evtx-to-mitre")
    found = [split(path) for path in sorted(folder.rglob("*.evtx"))]
    assert (len(found), sum(len(records) for records, _ in found), sum(len(damages) for _, damages in found)) == (143, 5858, 0)
