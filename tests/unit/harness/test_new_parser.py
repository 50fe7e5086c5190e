"""A parser made of the samples of others: whatever lines look like, the module loads and reads them."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from correlator.harness import golden
from correlator.harness.new_parser import draft
from correlator.harness.parser_pieces import Head
from correlator.model.logsource import LogSource
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

SHIPPED = find_parsers()
OTHERS = ("asterisk", "fortigate", "haproxy", "okta", "samba", "windows_dhcp", "wallix", "vmware_vcenter")


@pytest.mark.parametrize("name", OTHERS)
def test_a_module_made_of_another_parsers_sample_reads_it(name: str) -> None:
    """Most of the lines, and none of them with a fault of the module."""
    case = next(case for case in golden.cases(name, golden.samples_folder()) if case.name == "ordinary")
    sample = case.sample.read_bytes()
    made = draft(Head("new_one", LogSource("x", "", "log")), sample, Path("nowhere"), SHIPPED)
    module = ModuleType("new_one")
    sys.modules["new_one"] = module
    exec(compile(made.files[made.module], "new_one.py", "exec"), module.__dict__)  # noqa: S102 - what the command writes and loads
    lines = [line for line in sample.split(b"\n") if line.strip()]
    result = read(golden.raw_lines(lines, "s"), {"new_one": module.PARSER}, forced={golden.SOURCE: "new_one"}, final=True)

    assert result.problems == ()
    assert sum(events.height for events in result.events) >= 0.7 * (len(lines) - 1)
