"""Parsers are found by looking; what cannot be used is named, all of it at once."""

from pathlib import Path

import pytest

from correlator.errors import InputError
from correlator.parse.registry import find_parsers, manual_of, pick

MODULE = '''"""Reads nothing."""
from correlator.parse.contract import LogSource, Maturity, Parser, Signature

def parse(raw, want):
    raise NotImplementedError

PARSER = Parser({name!r}, (LogSource("x"),), Signature("^x"), Maturity.UNPROVED, {{}}, parse)
'''


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_bundled_parsers_are_found_by_name() -> None:
    """The names are sorted, and each parser is found under its own."""
    parsers = find_parsers()
    assert list(parsers) == sorted(parsers)
    assert {name: parser.name for name, parser in parsers.items()} == {name: name for name in parsers}
    assert {"json", "m365_audit", "municipal", "entra_signin"} <= set(parsers)


def test_a_site_parser_is_added(tmp_path: Path) -> None:
    """A module of the site directory is a parser like any other."""
    _write(tmp_path, "ours", MODULE.format(name="ours"))
    assert list(find_parsers((), tmp_path)) == ["ours"]


def test_a_module_without_parser_is_named_with_the_line_to_write(tmp_path: Path) -> None:
    """The message says where and what to write."""
    path = _write(tmp_path, "empty", '"""Nothing."""\n')
    with pytest.raises(InputError) as caught:
        find_parsers((), tmp_path)
    assert str(path) in str(caught.value)
    assert "PARSER = Parser(" in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """A module that cannot be imported does not hide a name given twice."""
    _write(tmp_path, "a", MODULE.format(name="same"))
    _write(tmp_path, "b", MODULE.format(name="same"))
    _write(tmp_path, "c", "import nothing_of_that_name\n")
    with pytest.raises(InputError) as caught:
        find_parsers((), tmp_path)
    assert [Path(problem.path).name for problem in caught.value.problems] == ["b.py", "c.py"]
    assert "'same' is taken by" in str(caught.value)


def test_a_pattern_that_cannot_run_is_told_at_once(tmp_path: Path) -> None:
    """A broken signature would otherwise stop the first batch."""
    _write(tmp_path, "a", MODULE.format(name="a").replace("^x", "(?=x)"))
    with pytest.raises(InputError, match="the pattern 'signature' is not a regex"):
        find_parsers((), tmp_path)


def test_a_missing_site_directory_is_an_error(tmp_path: Path) -> None:
    """A misspelt directory would silently read nothing."""
    with pytest.raises(InputError, match="no such directory"):
        find_parsers((), tmp_path / "nowhere")


@pytest.mark.parametrize(("asked", "hint"), [("m365", "'m365_audit'"), ("municipol", "'municipal'"), ("zzz", "one of: ")])
def test_an_unknown_name_brings_the_nearest(asked: str, hint: str) -> None:
    """What is wrong, and what would be right."""
    with pytest.raises(InputError) as caught:
        pick(find_parsers(), asked)
    assert f"unknown parser {asked!r}" in str(caught.value)
    assert hint in str(caught.value)


def test_a_parser_of_a_package_has_the_manual_of_the_package() -> None:
    """Where a parser is a folder, its ``__init__`` is the manual page."""
    parser = find_parsers()["json"]
    assert manual_of(parser).startswith("Any JSON object per line")


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_site_directory_that_others_may_write_is_not_run(tmp_path: Path, mode: int) -> None:
    """Its modules are code: what somebody else could have put there is refused, with what to do."""
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    tmp_path.chmod(mode)

    with pytest.raises(InputError, match=r"evil.py: this is code, and others than root and you may change it"):
        find_parsers(site_dir=tmp_path)
