"""The journal: what was acknowledged is read once, whatever happened to the process, the file or the disk."""

import asyncio
import resource
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from correlator.errors import Retry
from correlator.ingest import journal as journal_module
from correlator.ingest import segments
from correlator.ingest.envelope import MARK, Envelope, decode, encode, pack, refused
from correlator.ingest.journal import Journal
from correlator.ingest.journal_source import JournalSource
from correlator.model.raw import RawBatch
from correlator.telemetry.metrics import Metrics

NOW = 1_795_000_000_000_000


@contextmanager
def opened(folder: Path, max_bytes: int = 1 << 30) -> Iterator[Journal]:
    """Give a journal that is closed at the end."""
    journal = Journal(folder, Metrics(), max_bytes)
    journal.open()
    try:
        yield journal
    finally:
        journal.close()


def put(journal: Journal, *texts: str, source: str = "fw", reason: str = "") -> None:
    """Append texts and wait until they are safe."""
    asyncio.run(journal.append([Envelope(source, NOW, "192.0.2.1", texts, (), reason)]))


def read_all(source: JournalSource, max_rows: int = 10_000) -> list[RawBatch]:
    """Return everything at hand."""
    batches = []
    while batch := source.poll(max_rows, 0.0):
        batches.append(batch)
    return batches


def texts(batches: list[RawBatch]) -> list[str]:
    """Return the texts of all rows in order."""
    return [text for batch in batches for text in batch.rows["text"]]


def positions(batches: list[RawBatch]) -> dict[str, int]:
    """Return where each stream goes on after ``batches``."""
    return {key: offset for batch in batches for key, offset in batch.next_offsets.items()}


def test_records_come_back_in_order_with_their_source_and_peer(tmp_path: Path) -> None:
    """Two sources share a journal; each record bears its own source, peer, time, and an id of its own."""
    with opened(tmp_path) as journal:
        put(journal, "a", "b")
        put(journal, "c", source="mail")
        batch = read_all(JournalSource(journal))[0]

    assert batch.rows.select("source", "text", "peer").rows() == [
        ("fw", "a", "192.0.2.1"), ("fw", "b", "192.0.2.1"), ("mail", "c", "192.0.2.1"),
    ]  # fmt: skip
    assert batch.rows["id"].n_unique() == 3
    assert batch.rows["id"].to_list() == [f"{s}~{t}~{o}" for s, t, o in batch.rows.select("source", "stream", "offset").rows()]
    assert [when.timestamp() for when in batch.rows["received"]] == [NOW / 1e6] * 3


def test_a_restart_goes_on_after_the_last_commit(tmp_path: Path) -> None:
    """Cut anywhere, also inside a frame: no record twice, none left out, the same ids."""
    with opened(tmp_path) as journal:
        for start in range(0, 40, 4):
            put(journal, *map(str, range(start, start + 4)), source="fw" if start % 8 else "mail")
        whole = [batch.rows["id"].to_list() for batch in read_all(JournalSource(journal))]
        source = JournalSource(journal)
        first = source.poll(11, 0.0)
    assert first is not None
    with opened(tmp_path) as journal:
        again = JournalSource(journal)
        again.open(first.next_offsets)
        rest = read_all(again, max_rows=3)

    assert sorted([*first.rows["text"], *texts(rest)], key=int) == [str(number) for number in range(40)]
    assert [*first.rows["id"], *(one for batch in rest for one in batch.rows["id"])] == whole[0]


def test_a_segment_goes_when_all_of_it_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before: a record that still waits keeps its segment."""
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 200)
    with opened(tmp_path) as journal:
        for number in range(6):
            put(journal, f"{number}" * 60)
        source = JournalSource(journal)
        batches = read_all(source)
        first, *_, last = positions(batches)
        held = positions(batches) | {first: 0}
        source.committed(held)
        kept = list(journal.segments())
        source.committed(positions(batches))
        source.poll(10, 0.0)

        assert [f"j{number}" for number in kept] == [first.rpartition("~")[2], last.rpartition("~")[2]]
        assert [f"j{number}" for number in journal.segments()] == [last.rpartition("~")[2]]
        assert source.freed == {key.rpartition("~")[2] for key in positions(batches)} - {last.rpartition("~")[2]}
        assert len(list(tmp_path.iterdir())) == 1


def test_segment_numbers_are_never_used_again(tmp_path: Path) -> None:
    """A folder that was emptied by hand starts with a number that no old position knows."""
    with opened(tmp_path) as journal:
        put(journal, "a")
        old = max(journal.segments())
        journal.free(old)
    with opened(tmp_path) as journal:
        put(journal, "b")

        assert max(journal.segments()) >= old
    assert segments.next_number(old) > old


@pytest.mark.parametrize("tail", [MARK, MARK + b"\x00\x01", b"\0" * 5000, encode(Envelope("fw", NOW, "", ["x"]))[:-3]])
def test_a_torn_tail_is_cut_at_the_start(tmp_path: Path, tail: bytes) -> None:
    """What a crash left half written was never acknowledged: it goes, what came before stays."""
    with opened(tmp_path) as journal:
        put(journal, "a", "b")
    path = next(tmp_path.iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    with opened(tmp_path) as journal:
        put(journal, "c")
        batches = read_all(JournalSource(journal))

    assert path.read_bytes() == whole
    assert texts(batches) == ["a", "b", "c"]
    assert [batch.rejects for batch in batches] == [None]


@pytest.mark.parametrize("place", [0, 5, 9, 30])
def test_damage_in_the_middle_goes_to_the_dead_letter(tmp_path: Path, place: int) -> None:
    """One flipped byte costs one frame, named by its place; it is told once, also over a restart."""
    with opened(tmp_path) as journal:
        for text in "abc":
            put(journal, text)
    path = next(tmp_path.iterdir())
    data = bytearray(path.read_bytes())
    second = data.index(MARK, 1)
    data[second + place] ^= 0x40
    path.write_bytes(data)
    with opened(tmp_path) as journal:
        source = JournalSource(journal)
        (batch,) = read_all(source)
        again = JournalSource(journal)
        again.open(batch.next_offsets)

        assert read_all(again) == []
    assert batch.rows["text"].to_list() == ["a", "c"]
    assert batch.rejects is not None
    (refusal,) = batch.rejects.rows(named=True)
    assert (refusal["source"], refusal["offset"], refusal["reason"]) == ("journal", second, "damaged")
    assert f"{path.name}: bytes {second} to" in refusal["text"]


def test_a_segment_that_somebody_removed_is_told(tmp_path: Path) -> None:
    """Its place goes to the dead letter; reading goes on."""
    with opened(tmp_path) as journal:
        put(journal, "a")
    with opened(tmp_path) as journal:
        put(journal, "b")
        next(iter(sorted(tmp_path.iterdir()))).unlink()
        (batch,) = read_all(JournalSource(journal))

    assert batch.rows["text"].to_list() == ["b"]
    assert batch.rejects is not None
    assert "somebody removed the file" in batch.rejects["text"][0]


def test_a_fault_of_the_writer_is_heard_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever, and the next group is written."""
    with opened(tmp_path) as journal:
        put(journal, "a")
        with monkeypatch.context() as broken:
            broken.setattr(journal_module.os, "fdatasync", lambda _: 1 / 0)
            with pytest.raises(Retry):
                put(journal, "b")
        asyncio.run(_patiently(journal.room()))
        put(journal, "c")

        assert texts(read_all(JournalSource(journal))) == ["a", "c"]


def test_refused_texts_keep_their_reason(tmp_path: Path) -> None:
    """What a listener refused is a reject of its source."""
    with opened(tmp_path) as journal:
        asyncio.run(journal.append([refused("fw", NOW, "192.0.2.1", "x" * 2_000_000, "too_long")]))
        (batch,) = read_all(JournalSource(journal))

    assert batch.rows.height == 0
    assert batch.rejects is not None
    assert batch.rejects.select("source", "reason", batch.rejects["text"].str.len_chars()).rows() == [
        ("fw", "too_long", 1 << 20)
    ]


def test_at_its_cap_the_journal_takes_nothing_until_something_is_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full is an answer, not a loss: what was taken is there, what was refused is not."""
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 1000)
    taken = []
    with opened(tmp_path, max_bytes=5000) as journal:
        with suppress(Retry):
            for number in range(100):
                put(journal, f"{number} {'x' * 100}")
                taken.append(f"{number} {'x' * 100}")
        assert journal.is_full
        source = JournalSource(journal)
        batches = read_all(source)
        source.committed(positions(batches))
        put(journal, "room again")
        batches += read_all(source)

    assert texts(batches) == [*taken, "room again"]
    assert 20 < len(taken) < 40


@pytest.fixture
def disk_of() -> Iterator[Callable[[int], None]]:
    """Give a way to limit how long any file may get, as a full disk does; lifted at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size if size > 0 else before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path, disk_of: Callable[[int], None]) -> None:
    """The disk takes a part of a group and no more: nothing of it is acknowledged or read; later it all goes on."""
    with opened(tmp_path) as journal:
        put(journal, "before")
        disk_of(4096)
        with pytest.raises(Retry, match="cannot be written"):
            put(journal, "x" * 8000)
        assert journal.is_full
        disk_of(-1)
        asyncio.run(_patiently(journal.room()))
        put(journal, "after")

        assert texts(read_all(JournalSource(journal))) == ["before", "after"]


async def _patiently(waiting: Coroutine[None, None, None]) -> None:
    await asyncio.wait_for(waiting, 5)


def test_appends_that_come_together_share_a_sync(tmp_path: Path) -> None:
    """A thousand senders at once cost a few syncs."""

    async def burst(journal: Journal) -> None:
        await asyncio.gather(*(journal.append([Envelope("fw", NOW, "", [str(number)])]) for number in range(1000)))

    with opened(tmp_path) as journal:
        asyncio.run(burst(journal))
        syncs = journal.metrics.registry.get_sample_value("tocsin_ingest_journal_sync_seconds_count")

        assert sorted(texts(read_all(JournalSource(journal))), key=int) == [str(number) for number in range(1000)]
    assert syncs is not None
    assert syncs <= 20


def test_envelopes_survive_their_bytes() -> None:
    """Quotes, NUL, accents, flags; packing bounds what one frame holds and keeps order."""
    one = Envelope("fw", NOW, "2001:db8::1", ['é\0"\\', ""], [1, 0])
    assert decode(encode(one)[12:]) == one
    many = list(pack("fw", NOW, "", [str(number) for number in range(2500)], [number % 2 for number in range(2500)]))
    assert [len(part.texts) for part in many] == [1000, 1000, 500]
    assert [text for part in many for text in part.texts] == [str(number) for number in range(2500)]
    assert many[1].flags[1] == 1
    assert [len(part.texts) for part in pack("fw", NOW, "", ["x" * 600_000] * 3)] == [1, 1, 1]
