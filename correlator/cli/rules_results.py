"""What tests of rules came to, for people, for programs, for GitHub's annotations and as JUnit XML."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import click

from correlator.cli.output import print_rows
from correlator.cli.rules_findings import escaped_data, escaped_property
from correlator.telemetry.terminal import plain

FORMS = ("text", "json", "github", "junit")


@dataclass(frozen=True, slots=True)
class Result:
    """One test: ``case`` of a script or ``recorded`` logs of an info.yml; no ``failures``: it holds.

    ``expected`` and ``got`` count matches of recorded logs; ``expected`` None: at least one.
    """

    kind: str
    path: str
    line: int
    title: str
    failures: tuple[str, ...] = ()
    rule_id: str = ""
    rule_path: str = ""
    expected: int | None = None
    got: int | None = None


def show(results: Sequence[Result], untested: Sequence[str], counts: Mapping[str, int], form: str) -> None:
    """Print the results: people get what is wrong and the counts, programs every test."""
    if form == "json":
        rows = [{**asdict(result), "holds": not result.failures} for result in results]
        print_rows([*rows, *({"kind": "untested", "what": what} for what in untested), {"kind": "summary", **counts}], form, ())
        return
    if form == "junit":
        click.echo(_junit(results, untested))
        return
    if form == "github":
        click.echo("\n".join(_github(results, untested)), nl=bool(untested or any(result.failures for result in results)))
    else:
        for line in (*(failure for result in results for failure in result.failures), *untested):
            click.echo(plain(line), err=True)
    click.echo(", ".join(f"{count} {name}" for name, count in counts.items()), err=form == "github")


def _github(results: Sequence[Result], untested: Sequence[str]) -> Iterator[str]:
    for result in results:
        place = f"file={escaped_property(result.path)},line={max(result.line, 1)},title={escaped_property(result.title)}"
        yield from (f"::error {place}::{escaped_data(failure)}" for failure in result.failures)
    for what in untested:
        path, _, rest = what.partition(": ")
        yield f"::warning file={escaped_property(path)},line=1::{escaped_data(rest)}"


def _junit(results: Sequence[Result], untested: Sequence[str]) -> str:
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - only written here; `--help` must not load it

    root = ET.Element("testsuites")
    for path, group in groupby(results, key=lambda result: result.path):
        members = list(group)
        failed = sum(bool(result.failures) for result in members)
        suite = ET.SubElement(root, "testsuite", name=path, tests=str(len(members)), failures=str(failed))
        for result in members:
            case = ET.SubElement(suite, "testcase", classname=path, name=plain(result.title or result.rule_id))
            if result.failures:
                ET.SubElement(case, "failure", message=plain("\n".join(result.failures)))
    if untested:
        suite = ET.SubElement(root, "testsuite", name="untested", tests=str(len(untested)), failures=str(len(untested)))
        for what in untested:
            case = ET.SubElement(suite, "testcase", classname="untested", name=plain(what.partition(": ")[0]))
            ET.SubElement(case, "failure", message=plain(what))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)
