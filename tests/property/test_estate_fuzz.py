"""Whatever people type or export: an estate is read or refused; an import never writes what cannot be read."""

import csv
import io
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.config.catalogue import load_catalogue
from correlator.config.estate import load_estate
from correlator.config.estate_import import HEADERS, import_tables
from correlator.config.estate_text import with_entries
from correlator.config.toml_write import value_text
from correlator.errors import InputError, Problem

CATALOGUE = load_catalogue()
EXAMPLE = (Path(__file__).parents[2] / "deploy/estate.example.toml").read_text("utf-8")
VALUES = (
    "1",
    "-1",
    "true",
    '""',
    '"*"',
    '"shared"',
    '"ad"',
    "[]",
    '["ad", 1]',
    "{}",
    "{ mon = 1 }",
    "[[]]",
    "2026-11-22",
    "nan",
    '"00101"',
)
LINES = [at for at, line in enumerate(EXAMPLE.splitlines()) if " = " in line.split("#")[0]]
CELLS = st.one_of(
    st.sampled_from(
        [
            "00101",
            "BRP",
            "Brévanne",
            "10.0.0.0",
            "/16",
            "oui",
            "01 99 00 00 00",
            "a@b",
            "4h",
            "courrier",
            "toutes",
            "SIM9 > BRP",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@given(line=st.sampled_from(LINES), value=st.sampled_from(VALUES), gone=st.sampled_from([None, *LINES]))
@settings(max_examples=60, deadline=None)
def test_any_value_in_any_place_is_read_or_refused(line: int, value: str, gone: int | None) -> None:
    """A wrong kind of value, a line that is missing: never anything but an estate or a list of faults with lines."""
    lines = EXAMPLE.splitlines()
    lines[line] = f"{lines[line].split(' = ')[0]} = {value}"
    if gone is not None:
        lines[gone] = ""
    told = _faults("\n".join(lines))
    assert all(problem.what and (problem.line or "version" in problem.what) for problem in told)


def _faults(text: str) -> tuple[Problem, ...]:
    try:
        load_estate(text, CATALOGUE)
    except InputError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("section", list(HEADERS))
@given(rows=st.lists(st.lists(CELLS, min_size=9, max_size=9), max_size=6), encoding=st.sampled_from(["utf-8", "utf-8-sig"]))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_an_import_writes_can_be_read(tmp_path: Path, section: str, rows: list[list[str]], encoding: str) -> None:
    """Any cells: each row is added, there already or refused; the file with the added ones is a good estate."""
    out = io.StringIO()
    table = csv.writer(out, delimiter=";")
    table.writerow([titles[0] for titles in HEADERS[section].values()])
    table.writerows([row[: len(HEADERS[section])] for row in rows])
    path = tmp_path / "table.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    before = 'version = 1\n[[commune]]\nid = "00101"\ncode = "BRP"\nname = "Brévanne"\n'
    found = import_tables({section: path}, before, load_estate(before, CATALOGUE), CATALOGUE)
    added, after = with_entries(before, found.entries, "estate.toml", CATALOGUE, checked=True)
    assert (added == "") == (not found.entries[section])
    again = import_tables({section: path}, after, load_estate(after, CATALOGUE), CATALOGUE)
    assert not again.entries[section]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_as_toml(text: str) -> None:
    """Quotes, backslashes, control characters, anything."""
    assert tomllib.loads(f"a = {value_text(text)}") == {"a": text}
