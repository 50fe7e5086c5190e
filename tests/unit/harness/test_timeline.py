"""The ``.test`` script says what to load and what to expect, and says where it is wrong."""

from datetime import UTC, datetime

import pytest

from correlator.errors import InputError
from correlator.harness.timeline import read_script

SCRIPT = """
# a comment
case brute force then success
clock 2026-11-17T03:00:00+01:00
load linux_syslog
    @60s              {syslog} web sshd[1]: Accepted password
    @0s x3 every 5s   {syslog} web sshd[{n}]: Failed \\
                      password
expect
    detection lnx_failed x3
    hit brute_force by source.ip=192.0.2.7 user.name="a b"
    no detection other
"""


def test_steps_are_in_time_order_with_their_marks_filled() -> None:
    """Repetitions, the clock and the marks give plain raw lines."""
    case = read_script("a.test", SCRIPT)[0]

    assert [step.text for step in case.steps] == [
        "Nov 17 03:00:00 web sshd[1]: Failed password",
        "Nov 17 03:00:05 web sshd[2]: Failed password",
        "Nov 17 03:00:10 web sshd[3]: Failed password",
        "Nov 17 03:01:00 web sshd[1]: Accepted password",
    ]
    assert case.steps[0].at.astimezone(UTC) == datetime(2026, 11, 17, 2, 0, tzinfo=UTC)
    assert {step.parser for step in case.steps} == {"linux_syslog"}


def test_expectations() -> None:
    """Counts, refusals and groups are read."""
    expected = read_script("a.test", SCRIPT)[0].expected

    assert [(one.kind, one.rule, one.count) for one in expected] == [
        ("detection", "lnx_failed", 3),
        ("hit", "brute_force", 1),
        ("detection", "other", 0),
    ]
    assert expected[1].group == {"source.ip": "192.0.2.7", "user.name": "a b"}


def test_every_fault_is_told_with_its_line() -> None:
    """Misspelt directives, steps and expectations are all told at once."""
    text = "case a\nloda x\nload p\n  at 5s hello\nexpect\n  detect x\n"

    with pytest.raises(InputError) as caught:
        read_script("a.test", text)

    assert [problem.line for problem in caught.value.problems] == [2, 4, 6, 1]


def test_a_case_without_expectations_proves_nothing() -> None:
    """A case that expects nothing to be checked is refused."""
    with pytest.raises(InputError, match=r"a.test:1: case 'a' lacks"):
        read_script("a.test", "case a\nload p\n  @0s x\n")


def test_events_of_a_source_without_parser() -> None:
    """``events`` names log sources; what is none is told."""
    case = read_script("a.test", 'case a\nevents ot//rsmp ot//all\n@0s {"cCI": "M0001"}\nexpect\nno detection x\n')[0]

    assert [(step.parser, step.text) for step in case.steps] == [("events ot//rsmp ot//all", '{"cCI": "M0001"}')]
    with pytest.raises(InputError, match="no log source: 'rsmp'"):
        read_script("a.test", "case a\nevents rsmp\n@0s {}\nexpect\nno detection x\n")
