"""Zeek: TSV and JSON of a record give the same event, real logs are read whole, text of strangers makes no field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from correlator.harness import golden
from correlator.parse.document import documents
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

ReadLines = Callable[..., list[dict[str, Any]]]
DATA = Path(__file__).parents[4] / "shared" / "data"
PARSERS = find_parsers()
SAMPLES = golden.samples_folder() / "zeek"

HEAD = ("#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tdns")
ENDS = "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p"
FIELDS = f"#fields\t{ENDS}\tproto\trtt\tquery\tAA\tZ\tanswers\tTTLs"
TYPES = "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tinterval\tstring\tbool\tcount\tvector[string]\tvector[interval]"
TSV = (
    "1795348804.100000\tCDns1defGHij2kLmn\t192.0.2.30\t53001\t192.0.2.53\t53\tudp\t0.000012\ta\\x09b.example.org\tF\t0\t"
    "198.51.100.20,198.51.100.21\t300.000000,60.500000"
)
JSON = (
    '{"_path":"dns","ts":1795348804.1,"uid":"CDns1defGHij2kLmn","id.orig_h":"192.0.2.30","id.orig_p":53001,'
    '"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","rtt":1.2000000000000001e-05,"query":"a\\tb.example.org",'
    '"AA":false,"Z":0,"answers":["198.51.100.20","198.51.100.21"],"TTLs":[300.0,60.5]}'
)


def _events(lines: list[bytes], file: str) -> tuple[list[dict[str, Any]], int, list[str]]:
    """Return the events of a file, how many of its lines are header lines, and its refused lines but for comments."""
    result = read(golden.raw_lines(lines, file), PARSERS, final=True)
    assert result.problems == ()
    made = [document for frame in result.events for document in documents(frame, frozenset())]
    refused = [text for text in result.rejects.get_column("text") if not text.startswith("###")]
    return made, sum(fates.assembled for fates in result.counts.values()), refused


def test_tsv_and_json_give_the_same_event() -> None:
    """Times, booleans, sets and escapes say the same in both."""
    (tsv,), *_ = _events([line.encode() for line in (*HEAD, FIELDS, TYPES, TSV)], "x.log")
    (json,), *_ = _events([JSON.encode()], "x.log")
    of_the_line = {"event.id", "event.original", "log.line", "raw_row"}
    assert {name: value for name, value in tsv.items() if name not in of_the_line} == {
        name: value for name, value in json.items() if name not in of_the_line
    }
    assert tsv["query"] == "a\tb.example.org"


def test_a_log_is_known_by_its_file(read_lines: ReadLines) -> None:
    """Zeek's own JSON does not say which log it is."""
    line = b'{"ts":1795348804.1,"uid":"CAbc1defGHij2kLmn","id.orig_h":"192.0.2.1","id.orig_p":1,"id.resp_h":"192.0.2.2"}'
    for file, log in (("ssl.log", "zeek.ssl"), ("modbus.2026-11-22-10-00-00.log", "zeek.modbus"), ("sample.log", "zeek.log")):
        assert _events([line], file)[0][0]["event.dataset"] == log
    assert read_lines("zeek", line.decode())[0]["event.dataset"] == "zeek.log"


@pytest.mark.corpus
@pytest.mark.parametrize(("folder", "fewest"), [("zeek-ot", 7265), ("zeek-btest", 1679)])
def test_real_logs_are_read(folder: str, fewest: int) -> None:
    """Every record below a header, of a known order, or in JSON; what is left has neither."""
    if not (DATA / folder).is_dir():
        pytest.skip("the log pack is not beside the checkout")
    count, refused = 0, []
    for path in sorted((DATA / folder).rglob("*.log")):
        made, _, left = _events(path.read_bytes().removesuffix(b"\n").split(b"\n"), path.name)
        count += sum(event["event.dataset"].startswith("zeek.") for event in made)
        refused += left
    assert count >= fewest
    assert all(not text.startswith("#") for text in refused)
    assert len(refused) <= 9


def test_somebody_elses_text_is_not_zeeks(read_lines: ReadLines) -> None:
    """A name in a JSON text, and a path in a URL, are not Zeek's names."""
    lines = (
        r'{"time":"2026-11-22T12:00:00Z","message":"{\"ts\":1795348804.1,\"id.orig_h\":\"192.0.2.1\"}"}',
        '192.0.2.1 - - [22/Nov/2026:12:00:00 +0100] "GET /#fields HTTP/1.1" 200 1 "-" "#separator x"',
    )
    for event in read_lines(None, *lines):
        assert not event["event.dataset"].startswith("zeek.")
