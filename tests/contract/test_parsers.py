"""Every parser keeps its contract, and gives for every sample what is recorded beside it."""

import ast
import json
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl
import pytest

from correlator.harness import golden
from correlator.model.event import ECS, RESERVED
from correlator.parse.contract import Assembly, Parser
from correlator.parse.engine import Read, read
from correlator.parse.registry import find_parsers, manual_of

PARSERS = find_parsers()
SAMPLES = golden.samples_folder()
CASES = [case for name in PARSERS for case in golden.cases(name, SAMPLES)]
LEAST_SAMPLES = 3


def _ids(cases: list[golden.Case]) -> list[str]:
    return [f"{case.parser}-{case.name}" for case in cases]


@pytest.mark.parametrize("case", CASES, ids=_ids(CASES))
def test_a_sample_gives_its_golden(case: golden.Case) -> None:
    """A change of a parser shows as a difference; `tocsin parsers test NAME --update` accepts it."""
    assert golden.check(case, PARSERS).diff == ""


@pytest.mark.parametrize("case", CASES, ids=_ids(CASES))
def test_a_parser_keeps_its_contract_on_its_samples(case: golden.Case) -> None:
    """No exception, one fate per row, declared fields only, with the declared dtype."""
    parser = PARSERS[case.parser]
    result = read(golden.raw_of(case), PARSERS, forced={golden.SOURCE: case.parser}, final=True)
    given = {name for events in result.events for name in events.columns} - RESERVED
    undeclared = sorted(name for name in given if not any(fnmatchcase(name, declared) for declared in parser.fields))
    assert result.problems == ()
    assert undeclared == [], 'declare them in `fields`; "Parameters.*" or "*" stands for names that the source decides'


@pytest.mark.parametrize(
    "case", [case for case in CASES if not PARSERS[case.parser].assembly], ids=lambda case: str(case.sample)
)
def test_a_record_means_the_same_alone(case: golden.Case) -> None:
    """What stands beside a record in its batch changes nothing: else a batch cut would change what rules see."""
    raw = golden.raw_of(case)
    together = _told(read(raw, PARSERS, forced={golden.SOURCE: case.parser}, final=True))
    alone = [line for row in raw.iter_slices(1) for line in _told(read(row, PARSERS, forced={golden.SOURCE: case.parser}))]
    assert alone == together


def _told(result: Read) -> list[dict[str, object]]:
    """Return the documents of a batch; a text and the list of that one text are the same to a rule."""
    documents = [json.loads(line) for line in golden.rendered(result)]
    return [{name: value if isinstance(value, list) else [value] for name, value in one.items()} for one in documents]


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_parser_has_samples(parser: Parser) -> None:
    """Three samples at least, each with its golden."""
    found = golden.cases(parser.name, SAMPLES)
    assert len(found) >= LEAST_SAMPLES
    assert [case.name for case in found if not case.golden.exists()] == []


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_parser_declares_text_or_ecs_fields(parser: Parser) -> None:
    """An ECS field has ECS's dtype, an own field is text or a list of text, and no field bears a reserved name."""
    wrong = {
        name: str(dtype)
        for name, dtype in parser.fields.items()
        if (name in ECS and dtype != ECS[name]) or (name not in ECS and dtype not in (pl.String(), pl.List(pl.String())))
    }
    assert wrong == {}
    assert set(parser.fields) & RESERVED == set()
    assert [name for name in parser.required if name not in parser.fields] == []


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_parser_has_a_manual(parser: Parser) -> None:
    """The docstring of the module that names it PARSER is the manual page."""
    assert manual_of(parser) != ""
    assert parser.log_sources


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_parser_says_how_its_records_look(parser: Parser) -> None:
    """Every pattern of a signature or an assembly is one that the engine can run."""
    patterns = [parser.signature.pattern, *(vars_of(parser.assembly) if parser.assembly else [])]
    for pattern in patterns:
        pl.Series(["x"]).str.contains(pattern)


def vars_of(assembly: Assembly) -> list[str]:
    """Return the patterns of an assembly."""
    return [value for field in fields(assembly) if isinstance(value := getattr(assembly, field.name), str)]


@pytest.mark.parametrize("path", sorted(SAMPLES.parent.rglob("*.py")), ids=lambda path: path.stem)
def test_a_parser_reads_no_file_and_no_clock(path: Path) -> None:
    """A parser is a pure function of the raw frame."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "exec", "eval"} == set()
    assert imported & {"os", "pathlib", "time", "socket", "subprocess", "logging", "sys"} == set()


def test_every_folder_of_samples_belongs_to_a_parser() -> None:
    """A sample folder with a misspelt name would never be tested."""
    folders = {path.name for path in SAMPLES.iterdir() if path.is_dir()} if SAMPLES.exists() else set()
    assert sorted(folders - set(PARSERS)) == []
