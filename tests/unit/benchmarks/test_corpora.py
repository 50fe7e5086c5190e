"""The corpora of the benchmarks: no event twice, the same bytes from the same seed, and parsers read nearly all of it."""

from pathlib import Path

import orjson
import polars as pl
import pytest

from benchmarks import recorded
from benchmarks.copies import copies
from benchmarks.corpora import CORPORA, corpus, read_manifest
from benchmarks.frames import batches, load_frames, normalise, raw_rows
from benchmarks.slots import templates
from correlator.detect.plan import RuleSet
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

NEEDS_RECORDINGS = [pytest.mark.corpus, pytest.mark.skipif(not recorded.is_there(), reason="no recordings in ../shared")]
NAMES = [pytest.param(name, marks=[] if name == "mix" else NEEDS_RECORDINGS) for name in CORPORA]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the small corpora, built once."""
    return tmp_path_factory.mktemp("corpora")


@pytest.mark.parametrize("name", NAMES)
def test_no_event_comes_twice(name: str, work: Path) -> None:
    """Lines differ by more than their number: also without it, none is like another."""
    lines = raw_rows(corpus(name, small=True, work=work)).get_column("text")

    assert lines.len() >= 4_900
    assert lines.n_unique() == lines.len()
    bare = lines.str.replace_all(r'"(?:EventRecordID|RecordNumber)":"?\d+"?', "")
    assert bare.n_unique() == lines.len()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes(name: str, work: Path, tmp_path: Path) -> None:
    """Two builds agree; another seed does not."""
    first = read_manifest(corpus(name, small=True, work=work))
    again = read_manifest(corpus(name, small=True, work=tmp_path / "again"))
    other = read_manifest(corpus(name, small=True, work=tmp_path / "other", seed=6))

    assert again["sha256"] == first["sha256"]
    assert other["sha256"] != first["sha256"]


@pytest.mark.parametrize("name", NAMES)
def test_parsers_read_nearly_all_of_it(name: str, work: Path) -> None:
    """At most one record in a hundred is refused."""
    rows = raw_rows(corpus(name, small=True, work=work))

    done = read(rows, find_parsers(), want=frozenset(), final=True)

    assert done.rejects.height <= rows.height / 100
    assert sum(frame.height for frame in done.events) >= 0.9 * rows.height


def test_the_mix_has_the_shares_of_an_office_hour(work: Path) -> None:
    """Windows 40 %, firewalls 30 %, proxy and sites 15 %, Linux and mail 15 %, give or take the attacks."""
    rows = raw_rows(corpus("mix", small=True, work=work))

    kinds = {"windows": 0.40, "fortigate|stormshield": 0.30, "squid|web": 0.15, "linux|mail": 0.15}
    for folders, share in kinds.items():
        there = rows.filter(pl.col("stream").str.contains(f"^(?:{folders})/")).height / rows.height
        assert there == pytest.approx(share, abs=0.01), folders


def test_frames_hold_every_event_of_the_mix_and_cuts_lose_none(work: Path) -> None:
    """What is measured is the whole corpus, whatever the batch size."""
    folder = corpus("mix", small=True, work=work)
    normalise(folder, RuleSet())
    manifest, frames = read_manifest(folder), load_frames(folder)

    assert manifest["parsed"]["rejected"] == 0
    assert sum(frame.height for frame in frames) == manifest["parsed"]["events"]
    assert all(frame.get_column("raw_row").is_sorted() for frame in frames)
    for size in (700, manifest["lines"]):
        rows = [piece.get_column("raw_row") for batch in batches(frames, manifest["lines"], size) for piece in batch]
        assert pl.concat(rows).len() == manifest["parsed"]["events"]
        assert all(part.max() - part.min() < size for part in rows)


def _event(**data: str) -> bytes:
    return orjson.dumps({"Hostname": "WORKSTATION5", "EventTime": "2020-10-18 03:38:05.959", "EventID": 1, **data})


def test_a_copy_is_another_machine_with_the_same_attack() -> None:
    """Names, numbers and identities change everywhere alike; what rules speak of stays."""
    line = _event(
        User="SHIRE\\pgustavo",
        CommandLine="rundll32.exe comsvcs.dll, MiniDump 61234 C:\\Users\\pgustavo\\lsass.dmp full",
        ProcessGuid="{9f85ce58-59ed-5f2b-5000-000000000400}",
        Message="WORKSTATION5 {9f85ce58-59ed-5f2b-5000-000000000400} MiniDump 61234",
    )

    one, two = (orjson.loads(text) for text in copies(templates([("a", line)], frozenset({"comsvcs", "lsass"})), 2, seed=1))

    for copy in (one, two):
        user = copy["User"].partition("\\")[2]
        number = copy["CommandLine"].split()[3]
        assert user != "pgustavo"
        assert copy["CommandLine"] == f"rundll32.exe comsvcs.dll, MiniDump {number} C:\\Users\\{user}\\lsass.dmp full"
        assert copy["Message"] == f"{copy['Hostname']} {copy['ProcessGuid']} MiniDump {number}"
    assert {key for key in one if one[key] == two[key]} == {"EventID"}


def test_an_event_in_which_nothing_varies_is_refused() -> None:
    """Rather than write it twice."""
    with pytest.raises(ValueError, match="nothing that varies"):
        list(copies(templates([("a", b'{"EventID": 1}')], frozenset()), 2, seed=1))
