"""``tocsin rules test``: what rule authors run while they write."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.errors import InputError

if TYPE_CHECKING:
    from correlator.harness.timeline import Case
    from correlator.runtime.content import Content

_PATHS = click.Path(path_type=Path)
#: Folders whose files need no script of their own: filters are proved by the near misses of the rules they narrow.
_NOT_RULES = frozenset({"filters", "mappings"})


@click.command()
@click.argument("paths", nargs=-1, type=_PATHS)
@click.option("--rules", multiple=True, type=_PATHS, help="Where all rules lie (default: the shipped ones and PATHS).")
@click.option("--mutate", is_flag=True, help="Drop each selection item in turn: some case must then fail.")
@format_option
@no_level_option
def test(paths: tuple[Path, ...], rules: tuple[Path, ...], *, mutate: bool, form: str) -> None:
    """Run the .test scripts beside the rules of PATHS (default: the shipped rules), from raw lines on."""
    from correlator.harness.rule_tests import find_scripts, read_cases, run_case  # noqa: PLC0415 - `--help` must not load it

    content = authoring_content(paths, rules)
    scripts = {script: read_cases(script) for script in find_scripts(paths or _shipped())}
    failures = [str(failure) for cases in scripts.values() for case in cases for failure in run_case(case, content)]
    untested = _untested(paths or _shipped(), scripts) + (
        _survivors(scripts, content, rules) if mutate and not failures else []
    )
    cases = sum(map(len, scripts.values()))
    for line in (*failures, *untested):
        click.echo(line, err=True)
    counts = {"scripts": len(scripts), "cases": cases, "failed": len(failures), "untested": len(untested)}
    if form == "json":
        print_rows([counts], form, ())
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    raise SystemExit(Exit.FINDINGS if failures or untested else Exit.DONE)


def authoring_content(paths: tuple[Path, ...], rules: tuple[Path, ...]) -> "Content":
    """Return what scripts run with: the shipped rules and those of ``paths`` (or ``rules`` alone), the demonstration's estate.

    Raises InputError with every rule that does not load.
    """
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it
    from correlator.config.settings import load_settings  # noqa: PLC0415
    from correlator.harness.demo.generator import ESTATE  # noqa: PLC0415
    from correlator.runtime.content import load_content, shipped_rules  # noqa: PLC0415

    inside = [path for path in paths if shipped_rules().resolve() not in (path.resolve(), *path.resolve().parents)]
    chosen = rules or (shipped_rules(), *(path.with_suffix(".yml") if path.suffix == ".test" else path for path in inside))
    content = load_content(load_settings(None), chosen, estate=load_estate(ESTATE))
    problems = (*content.loaded.problems, *content.problems)
    if problems:
        raise InputError(problems)
    return content


def _shipped() -> tuple[Path, ...]:
    from correlator.runtime.content import shipped_rules  # noqa: PLC0415 - `--help` must not load it

    return (shipped_rules() / "detections", shipped_rules() / "correlations")


def _untested(paths: tuple[Path, ...], scripts: "dict[Path, tuple[Case, ...]]") -> list[str]:
    """Return what lacks proof: rules without a script, scripts without a positive case or without a near miss."""
    rules = [
        rule for path in paths if path.is_dir() for rule in sorted(path.rglob("*.yml")) if _NOT_RULES.isdisjoint(rule.parts)
    ]
    missing = [
        f"{rule}: has no script; write {rule.with_suffix('.test').name} beside it"
        for rule in rules
        if rule.with_suffix(".test") not in scripts
    ]
    kinds = {script: {case.is_positive for case in cases} for script, cases in scripts.items()}
    words = {True: "case in which the rule fires", False: "near miss in which nothing fires"}
    lacking = [
        f"{script}: has no {words[kind]}" for script, found in kinds.items() for kind in (True, False) if kind not in found
    ]
    return missing + lacking


def _survivors(scripts: "dict[Path, tuple[Case, ...]]", content: "Content", rules: tuple[Path, ...]) -> list[str]:
    from correlator.harness.mutate import survivors  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import shipped_rules  # noqa: PLC0415
    from correlator.store.content import read_rules  # noqa: PLC0415

    filters = [text for text in read_rules(rules or (shipped_rules(),)) if "\nfilter:" in text.text]
    by_file = {Path(rule.path).resolve(): rule for rule in content.ruleset.rules}
    pairs = [(by_file.get(script.with_suffix(".yml").resolve()), cases) for script, cases in scripts.items()]
    return [str(survivor) for rule, cases in pairs if rule for survivor in survivors(rule, cases, content, filters)]
