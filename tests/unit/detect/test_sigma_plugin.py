"""``sigma convert -t polars``: the plugin is found, and what it writes means what the engine means."""

import io
import json
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError
from sigma.plugins import InstalledSigmaPlugins

from correlator.detect.engine import detect
from correlator.detect.load import load_rules
from correlator.model.rule import RuleText
from sigma.backends.polars import PolarsBackend
from sigma.pipelines.tocsin import tocsin_ecs

HEAD = {
    "title": "T",
    "id": "5f1c9e0a-6b56-4d0e-9a53-0f6c1d2e7a11",
    "logsource": {"product": "windows", "category": "process_creation"},
}
EVENTS = pl.DataFrame(
    {
        "A": ["C:\\Windows\\CMD.exe", "É-t-é", "  ", "10.1.2.3", "7", None, "2026-11-17T21:10:00+01:00", "fe80::1"],
        "B": ["cmd", "ÉTÉ", "x", "10.1.2.3", "12", "b", None, ""],
        "L": [["a", "Bee"], [], None, ["10.1.9.9"], ["3"], ["x", None], ["y"], ["é"]],
        "process.pid": [1, 4, None, 7, 7, 9, 4688, 0],
        "message": ["service σ stopped", "ΣΤΟΠ", None, "started", "", "a\nb", "100 %", 'it\'s "q" \\'],
    },
    schema_overrides={"process.pid": pl.Int64()},
)
SELECTIONS: list[Any] = [
    {"A|endswith": "\\cmd.exe"},
    {"A|endswith": ["\\cmd.exe", "\\x.exe"], "B|startswith": ["c", "d"]},
    {"A|contains": ["é", "win"]},
    {"A|contains|all": ["win", "cmd"]},
    {"A": ["7", "  "]},
    {"A": "c:\\*\\cmd.ex?"},
    *([{"A|contains|windash": " -b -c -d -e"}] if version("pysigma") < "2" else []),  # pySigma 2 itself refuses more than three
    {"A|cased": "É-t-é"},
    {"A|re": "^\\d+$"},
    {"A|re|i": "^C:"},
    {"A|cidr": ["10.1.0.0/16", "192.0.2.0/24"]},
    {"A|gt": 6},
    {"B|lte": 12.5},
    {"A": None},
    {"A": ""},
    {"A|exists": True},
    {"A|exists": False},
    {"A|fieldref": "B"},
    {"A|fieldref|startswith": "B"},
    {"A|neq": "7"},
    {"A|hour": 20},
    {"A|week": 47},
    {"A": "*"},
    {"L|contains": "ee"},
    {"L|cidr": "10.1.0.0/16"},
    {"L": None},
    {"L|gt": 2},
    {"process.pid": [7, 4688]},
    {"process.pid|gt": 5},
    ["stopped", "100 %"],
    {"|all": ["service", "stopped"]},
    ["it's \"q\" \\\\"],
    {"message|contains": "ΣΤΟΠ"},
    [{"A|contains": "cmd", "B": "cmd"}, {"process.pid": 9}],
]  # fmt: skip


def _document(selection: Any, **detection: Any) -> str:
    return yaml.safe_dump({**HEAD, "detection": {"sel": selection, "condition": "sel", **detection}}, allow_unicode=True)


def _converted(text: str, form: str = "default", **options: Any) -> Any:
    return PolarsBackend(**options).convert(SigmaCollection.from_yaml(text), form)


def _run(sources: list[str]) -> dict[str, pl.Expr]:
    space: dict[str, Any] = {}
    exec("\n\n".join(sources), space)  # noqa: S102 - it is what people do with the output
    found: dict[str, pl.Expr] = space["rules"]
    return found


def _rows(expression: pl.Expr, events: pl.DataFrame = EVENTS) -> list[int]:
    verdicts = events.select(expression.alias("_")).to_series()
    assert verdicts.null_count() == 0
    return [row for row, true in enumerate(verdicts) if true]


@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda one: str(one)[:60])
def test_both_formats_mean_what_the_engine_means(selection: Any) -> None:
    """The source, run; the JSON, read back by polars; the engine: the same rows."""
    text = _document(selection)
    ruleset = load_rules([RuleText("r.yml", text)]).ruleset
    wanted = detect(ruleset, [EVENTS], any_logsource=True).get_column("row").to_list()

    (expression,) = _run(_converted(text, lists="L")).values()
    (told,) = _converted(text, "json", lists="L")
    read_back = pl.Expr.deserialize(io.StringIO(told["expression"]), format="json")

    assert _rows(expression) == wanted
    assert _rows(read_back) == wanted
    assert set(told["fields"]) <= set(EVENTS.columns)


def test_some_of_them_match() -> None:
    """The cases above are about something: most find a row, none all."""
    found = [_rows(*_run(_converted(_document(selection), lists="L")).values()) for selection in SELECTIONS]
    assert sum(bool(rows) for rows in found) >= len(SELECTIONS) - 3
    assert all(len(rows) < EVENTS.height for rows in found)


def test_an_ipv6_network_is_python_only() -> None:
    """The source brings Tocsin's function; JSON says why it cannot."""
    text = _document({"A|cidr": "fe80::/10"})
    (expression,) = _run(_converted(text)).values()

    assert _rows(expression) == [7]
    with pytest.raises(SigmaError, match="IPv6 network, which JSON cannot hold"):
        _converted(text, "json")


def test_the_log_source_is_an_option() -> None:
    """`-O logsource=true` asks the events' own column; a product not said fits any."""
    (expression,) = _run(_converted(_document({"B": "*"}), logsource="true")).values()
    events = EVENTS.head(3).with_columns(
        logsource=pl.Series(["windows//security Windows/process_creation/sysmon", "linux/process_creation/", None])
    )
    assert _rows(expression, events) == [0]


def test_pipelines_and_filters_are_pysigma_s() -> None:
    """`-p tocsin_ecs` renames; a filter file narrows, with pySigma's polarity."""
    rule = _document({"Image|endswith": "\\cmd.exe"})
    told = _converted(rule, "json", processing_pipeline=tocsin_ecs())
    assert told[0]["fields"] == ["process.executable"]
    narrowing = {
        "title": "F", "logsource": HEAD["logsource"],
        "filter": {"rules": [HEAD["id"]], "known": {"B": "cmd"}, "condition": "not known"},
    }  # fmt: skip
    (expression,) = _run(_converted(f"{_document({'A|contains': 'cmd'})}---\n{yaml.safe_dump(narrowing)}")).values()
    assert _rows(expression) == []


CORRELATION = {
    "title": "C",
    "correlation": {
        "type": "event_count", "rules": [HEAD["id"]], "group-by": ["B"], "timespan": "1h", "condition": {"gte": 2}
    },
}  # fmt: skip


def test_what_cannot_be_converted_says_why() -> None:
    """A placeholder without values and a correlation; collected when the caller wants that."""
    with pytest.raises(SigmaError, match="placeholder"):
        _converted(_document({"A|expand": "%admins%"}))
    backend = PolarsBackend(collect_errors=True)
    both = SigmaCollection.from_yaml(f"{_document({'A': '7'})}---\n{yaml.safe_dump(CORRELATION)}")
    assert list(_run(backend.convert(both))) == [HEAD["id"]]
    assert "a correlation looks at several events" in str(backend.errors[0][1])


def test_a_title_never_becomes_code() -> None:
    """What stands in a rule stays in a comment or in a quoted text."""
    hostile = yaml.safe_dump({**HEAD, "title": "x\nimport os", "detection": {"s": {"A'\"]\n": "');evil("}, "condition": "s"}})
    sources = _converted(hostile)
    assert "\nimport os" not in "\n".join(sources)
    assert list(_run(sources)) == [HEAD["id"]]


@pytest.mark.skipif(find_spec("sigma.cli") is None, reason="sigma-cli is not installed")
def test_sigma_cli_lists_and_converts(tmp_path: Path) -> None:
    """The authors' own tool, as they type it: `list targets`, `list pipelines`, `convert`, a file per rule."""
    plugins = InstalledSigmaPlugins.autodiscover(include_validators=False)
    assert plugins.backends["polars"] is PolarsBackend
    assert "tocsin_ecs" in plugins.pipelines
    (tmp_path / "r.yml").write_text(_document({"A": "7"}))
    sigma = str(Path(sys.executable).with_name("sigma"))

    def run(*arguments: str) -> str:
        done = subprocess.run([sigma, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "polars" in run("list", "targets")
    lines = run("convert", "-t", "polars", "-f", "json", "-p", "tocsin_ecs", "r.yml").splitlines()
    assert json.loads(lines[-1])["id"] == HEAD["id"]
    run("convert", "-t", "polars", "-od", "out", "r.yml")
    assert _rows(*_run([(tmp_path / "out" / "r.txt").read_text()]).values()) == [4]

    (tmp_path / "c.yml").write_text(f"{_document({'A': '7'})}---\n{yaml.safe_dump(CORRELATION)}")
    refused = subprocess.run(
        [sigma, "convert", "-t", "polars", "c.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    told = "C: a correlation looks at several events, an expression at one: `tocsin replay` and `tocsin rules backtest` run it"
    assert f"{told}, -s leaves it out; it stands in {(tmp_path / 'c.yml').resolve()}" in refused.stderr
    assert HEAD["id"] in run("convert", "-t", "polars", "-s", "c.yml")
