"""Find the parsers: the listing of a folder is the catalogue, there is nothing to register.

Three places are scanned, in this order: the bundled package ``parsers``, the entry points ``tocsin.parsers`` of installed
distributions, and the site directory named in the configuration. The engine names no parser anywhere.
"""

import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from importlib import import_module, metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import polars as pl

from correlator.errors import InputError, Problem
from correlator.parse.contract import Parser

#: Entry-point group of distributions that bring parsers: each entry names a module with a ``PARSER``.
ENTRY_POINTS = "tocsin.parsers"

_LINE_TO_WRITE = "write `PARSER = Parser(name=…, log_sources=…, signature=…, maturity=…, fields=…, parse=…)`"


def find_parsers(packages: Sequence[str] = ("parsers",), site_dir: Path | None = None) -> dict[str, Parser]:
    """Return every parser by name, in the order of their names.

    Importing a site directory runs its code, so ``site_dir`` is only ever the directory the configuration names.

    Raises:
        InputError: modules without ``PARSER``, modules that cannot be imported, names given twice: all of them at once.
    """
    found: dict[str, tuple[Parser, str]] = {}
    problems: list[Problem] = []
    for path, module in _modules(packages, site_dir, problems):
        parser = getattr(module, "PARSER", None)
        if not isinstance(parser, Parser):
            problems.append(Problem(path, 0, "no PARSER in this module", _LINE_TO_WRITE))
        elif parser.name in found:
            first = found[parser.name][1]
            problems.append(Problem(path, 0, f"parser name {parser.name!r} is taken by {first}", "give it another name"))
        else:
            found[parser.name] = (parser, path)
            faults = () if module.__name__.partition(".")[0] in packages else _bad_patterns(parser)
            problems.extend(Problem(path, 0, fault, "write a Rust regex (no look-around)") for fault in faults)
    if problems:
        raise InputError(problems)
    return {name: found[name][0] for name in sorted(found)}


def pick(parsers: Mapping[str, Parser], name: str) -> Parser:
    """Return the parser called ``name``.

    Raises:
        InputError: there is none; the message names the nearest ones.
    """
    if name in parsers:
        return parsers[name]
    near = [known for known in parsers if name and name in known] or get_close_matches(name, parsers, n=3)
    expected = f"did you mean {' or '.join(map(repr, near))}?" if near else f"one of: {', '.join(parsers)}"
    raise InputError([Problem("--parser", 0, f"unknown parser {name!r}", expected)])


def manual_of(parser: Parser) -> str:
    """Return the manual page of a parser: the docstring of the module, or package, that names it ``PARSER``."""
    name = parser.parse.__module__
    while name:
        module = sys.modules.get(name)
        if getattr(module, "PARSER", None) is parser:
            return (module.__doc__ or "").strip()
        name = name.rpartition(".")[0]
    return ""


def _bad_patterns(parser: Parser) -> Iterator[str]:
    """Yield what is wrong with the patterns of a parser, which would otherwise break the first batch.

    Those that ship are proved by a test: compiling all of them costs most of a second, and every command finds the parsers.
    """
    assembly = parser.assembly
    patterns = {"signature": parser.signature.pattern} | (
        {field.name: getattr(assembly, field.name) for field in fields(assembly)} if assembly else {}
    )
    for name, pattern in patterns.items():
        if not isinstance(pattern, str):
            continue
        try:
            pl.Series([""]).str.contains(pattern)
        except pl.exceptions.ComputeError as error:
            yield f"the pattern {name!r} is not a regex: {str(error).splitlines()[0]}"


def _modules(packages: Sequence[str], site_dir: Path | None, problems: list[Problem]) -> Iterator[tuple[str, ModuleType]]:
    for package in packages:
        yield from _bundled(package, problems)
    yield from _installed(problems)
    if site_dir is not None:
        yield from _site(site_dir, problems)


def _bundled(package: str, problems: list[Problem]) -> Iterator[tuple[str, ModuleType]]:
    for found in iter_modules(import_module(package).__path__):
        name = f"{package}.{found.name}"
        try:
            module = import_module(name)
        except Exception as error:  # noqa: BLE001 - one broken parser must be named beside the others, whatever it raises
            problems.append(Problem(name, 0, f"cannot be imported: {error!r}", "mend or remove it"))
            continue
        yield str(module.__file__ or name), module


def _installed(problems: list[Problem]) -> Iterator[tuple[str, ModuleType]]:
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        where = f"entry point {ENTRY_POINTS}:{entry.name}"
        try:
            module = import_module(entry.module)
        except Exception as error:  # noqa: BLE001 - same
            problems.append(Problem(where, 0, f"cannot be imported: {error!r}", "mend or uninstall its distribution"))
            continue
        yield where, module


def _is_trusted(path: Path) -> bool:
    """Say whether only root and this user can have written ``path``: a settings file found by chance must not run code."""
    known = path.stat()
    return known.st_uid in {0, os.geteuid()} and not known.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _site(site_dir: Path, problems: list[Problem]) -> Iterator[tuple[str, ModuleType]]:
    if not site_dir.is_dir():
        problems.append(Problem(str(site_dir), 0, "no such directory", "name an existing directory of parser modules"))
    for path in sorted(site_dir.glob("*.py")):
        if not (_is_trusted(site_dir) and _is_trusted(path)):
            what = "this is code, and others than root and you may change it"
            problems.append(
                Problem(str(path), 0, what, "make the folder and the file root's or yours, writable by nobody else")
            )
            continue
        spec = spec_from_file_location(f"tocsin_site_{path.stem}", path)
        if spec is None or spec.loader is None:
            continue
        module = sys.modules[spec.name] = module_from_spec(spec)  # its manual page and its dataclasses are looked up there
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # noqa: BLE001 - same
            problems.append(Problem(str(path), 0, f"cannot be imported: {error!r}", "mend or remove it"))
            continue
        yield str(path), module
