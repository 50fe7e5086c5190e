"""What `parsers try` counts as understood, and what became of records whose writers are known."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from correlator.cli.main import command
from correlator.harness.corpora.crowdsec import Fields, compare_fields, read_tests
from correlator.harness.corpora.judge import Judged, Outcome, outcome_of, tallied
from correlator.harness.corpora.records import Record, read_lines
from correlator.harness.understanding import NOBODY, Understood, understand
from correlator.parse.registry import find_parsers

PARSERS = find_parsers()
SSHD = "Nov 22 10:15:30 srv-a sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2"
BADGE = "<134>Nov 22 10:15:31 badge-1 accessd[7]: door {number} opened"


def _understood(tmp_path: Path, *lines: str) -> dict[str, Understood]:
    (tmp_path / "some.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found, refused = understand([str(tmp_path / "some.log")], PARSERS)
    assert refused == {}
    return {one.parser: one for one in found}


def test_each_parser_has_its_records(tmp_path: Path) -> None:
    """A generic parser's records are kept and not understood; nobody's are refused; blank lines are none."""
    found = _understood(tmp_path, SSHD, "", BADGE.format(number=1), "no header at all")
    assert {name: (one.records, one.parsed, one.understood) for name, one in found.items()} == {
        "linux_syslog": (1, 1, 1), "syslog": (1, 1, 0), NOBODY: (1, 0, 0),
    }  # fmt: skip
    assert dict(found[NOBODY].rejected) == {"no_parser": 1}
    assert found["linux_syslog"].fill(PARSERS["linux_syslog"])["source.ip"] == 1.0


def test_lines_of_one_shape_are_one_example(tmp_path: Path) -> None:
    """The first line of each shape, most frequent first."""
    lines = [BADGE.format(number=number) for number in range(5)]
    examples = _understood(tmp_path, "<134>Nov 22 10:15:31 badge-1 accessd[7]: battery low", *lines)["syslog"].examples(2)
    assert [(count, line[-13:]) for count, line in examples] == [(5, "door 0 opened"), (1, "]: battery low"[-13:])]


def test_json_is_of_one_shape_by_its_keys(tmp_path: Path) -> None:
    """Values differ, keys tell what it is."""
    found = _understood(tmp_path, '{"a": "x", "b": 1}', '{"a": "y \\" z", "b": 22}', '{"c": "x"}')
    assert [count for count, _ in found["json"].examples(3)] == [2, 1]


def test_the_command_says_what_is_not_understood(tmp_path: Path) -> None:
    """A table, then per parser what the fields hold and what the rest looks like."""
    path = tmp_path / "some.log"
    path.write_text(f"{SSHD}\n{BADGE.format(number=1)}\n", encoding="utf-8")
    told = CliRunner().invoke(command, ["parsers", "try", str(path)]).output
    assert "understood: 50.0 % of 2 records" in told
    assert f"not understood, 1 like this: {BADGE.format(number=1)}" in told
    forced = CliRunner().invoke(command, ["parsers", "try", "--parser", "linux_syslog", "--format", "json", str(path)])
    assert '"parser":"linux_syslog","records":2,"parsed":2' in forced.output


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No guess, no empty table."""
    done = CliRunner().invoke(command, ["parsers", "compare", "--shared", str(tmp_path), "--corpus", "sc4s"])
    assert done.exit_code == 2
    assert "no such corpus" in done.output


@pytest.mark.parametrize(
    ("owner", "reason", "expected", "outcome"),
    [
        ("squid", None, ("squid",), Outcome.PARSED),
        ("squid", "malformed", ("squid",), Outcome.REJECTED),
        ("syslog", None, ("squid",), Outcome.GENERIC),
        (None, "no_parser", ("squid",), Outcome.REJECTED),
        ("fortigate", None, ("squid",), Outcome.WRONG),
        ("fortigate", "malformed", (), Outcome.WRONG),
        ("json", None, (), Outcome.GENERIC),
    ],
)
def test_outcomes(owner: str | None, reason: str | None, expected: tuple[str, ...], outcome: Outcome) -> None:
    """Another product's parser that claims a record is wrong even where it refuses it."""
    assert outcome_of(Record("p", 1, "", owner, reason), expected) is outcome


def test_records_keep_their_order_and_their_streams() -> None:
    """Each stream is a file of its own; blank lines count as nothing."""
    records = read_lines([("b", SSHD), ("a", ""), ("b", "x")], PARSERS, frozenset())
    assert [(one.path, one.owner, one.counts) for one in records] == [
        ("b", "linux_syslog", True), ("a", None, False), ("b", None, True),
    ]  # fmt: skip
    tally = tallied("c", [Judged("s", ("linux_syslog",), one) for one in records])[0]
    assert (tally.records, tally.outcomes[Outcome.PARSED], tally.outcomes[Outcome.REJECTED]) == (2, 1, 1)


def test_fields_are_compared_by_what_they_mean(tmp_path: Path) -> None:
    """A time by its minute and second, an address without its IPv6 coat, nothing said as nothing given."""
    folder = tmp_path / "crowdsec-hub"
    folder.mkdir()
    said = '{"source_ip":"::ffff:192.0.2.1","label":"x"}'
    parsed = '{"timestamp":"Nov 22 10:15:30","port":"23","tty":"-","program":"sshd","new":"?"}'
    (folder / "tests.jsonl").write_text(
        f'{{"log_type":"syslog","raw_lines":["{SSHD}"],"parsed":[{{"i":0,"parser":"them","meta":{said},"parsed":{parsed}}}]}}\n'
    )
    table = {
        "parser": {"them": ["linux_syslog"]},
        "columns": {
            "meta.source_ip": ["source.ip"], "parsed.timestamp": ["@timestamp"], "parsed.port": ["source.port"],
            "parsed.tty": ["process.tty.name"], "parsed.program": ["process.name"],
        },
        "of": {}, "deny": {"meta.label": "theirs"}, "deny_of": {}, "words": {},
    }  # fmt: skip
    fields: Fields = compare_fields(read_tests(tmp_path, PARSERS), table)
    assert sorted(fields.equal) == ["meta.source_ip", "parsed.program", "parsed.timestamp", "parsed.tty"]
    assert (dict(fields.different), dict(fields.denied), sorted(fields.unnamed)) == (
        {"parsed.port": 1}, {"theirs": 1}, ["them parsed.new"],
    )  # fmt: skip
