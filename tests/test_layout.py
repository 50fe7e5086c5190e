"""The shape of the code: short functions, short files, a docstring on every public name."""

import ast
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("correlator", "parsers", "sinks")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FUNCTION, LONGEST_FILE, MEDIAN_FUNCTION = 60, 400, 7
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "base", "manager", "misc"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(path: Path) -> list[Definition]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Definition)]


def _length(function: Definition) -> int:
    """Return the lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def _public(tree: ast.Module) -> list[ast.Module | ast.ClassDef | Definition]:
    """Return the module, its public functions and classes, and those classes' public methods."""
    found: list[ast.Module | ast.ClassDef | Definition] = [tree]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Definition) and not node.name.startswith("_"):
            found.append(node)
            members = node.body if isinstance(node, ast.ClassDef) else []
            found += [member for member in members if isinstance(member, Definition) and not member.name.startswith("_")]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path: Path) -> None:
    """No file over 400 lines, no function over 60, every public name documented, no drawer of leftovers."""
    text = path.read_text()
    tree = ast.parse(text)

    assert len(text.splitlines()) <= LONGEST_FILE
    assert [f"{item.name}: {_length(item)}" for item in _functions(path) if _length(item) > LONGEST_FUNCTION] == []
    assert [getattr(item, "name", "module") for item in _public(tree) if not ast.get_docstring(item)] == []
    assert FORBIDDEN_NAMES.isdisjoint(path.relative_to(ROOT).with_suffix("").parts)


def test_half_of_the_functions_are_very_short() -> None:
    """The median length stays at most 7 lines."""
    assert median(_length(function) for path in MODULES for function in _functions(path)) <= MEDIAN_FUNCTION
