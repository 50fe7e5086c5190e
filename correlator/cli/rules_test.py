"""``tocsin rules test``: what rule authors run while they write."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.output import Exit, no_level_option
from correlator.cli.rules_results import FORMS, Result, show
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
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@no_level_option
def test(paths: tuple[Path, ...], rules: tuple[Path, ...], *, mutate: bool, form: str) -> None:
    """Run the tests of the rules of PATHS (default: the shipped rules): .test scripts, from raw lines on, and info.yml.

    An info.yml is SigmaHQ's regression layout: a rule, recorded logs, how often it must match. Exit code 1 when a test fails,
    or a rule beside scripts has none.
    """
    from correlator.harness.rule_tests import find_scripts, read_cases  # noqa: PLC0415 - `--help` must not load it

    recorded = _recorded(paths, rules)
    scripts = {script: read_cases(script) for script in find_scripts(_with_scripts(paths))}
    scripted, content = [], None
    if scripts or not recorded:
        content = authoring_content(_without_infos(paths), rules)
        scripted = _scripted(scripts, content)
    results = [*scripted, *recorded]
    failed = sum(len(result.failures) for result in results)
    proved = frozenset(result.rule_path for result in recorded)
    untested = _untested(_with_scripts(paths), scripts, proved) if scripts or not recorded else []
    if mutate and content and not failed:
        untested += _survivors(scripts, content, rules)
    counts = {"scripts": len(scripts), "cases": len(scripted)} | ({"recorded": len(recorded)} if recorded else {})
    show(results, untested, counts | {"failed": failed, "untested": len(untested)}, form)
    raise SystemExit(Exit.FINDINGS if failed or untested else Exit.DONE)


def _scripted(scripts: "dict[Path, tuple[Case, ...]]", content: "Content") -> list[Result]:
    from correlator.harness.rule_tests import run_case  # noqa: PLC0415 - `--help` must not load it

    return [
        Result("case", str(script), case.line, case.title, tuple(map(str, run_case(case, content))))
        for script, cases in scripts.items()
        for case in cases
    ]


def _recorded(paths: tuple[Path, ...], rules: tuple[Path, ...]) -> list[Result]:
    """Return what the tests of every info.yml of ``paths`` came to."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.harness.regression import find_infos, find_rule_texts, read_info, run_regressions  # noqa: PLC0415
    from correlator.runtime.content import load_content  # noqa: PLC0415

    tests = [test for info in find_infos([path for path in paths if path.exists()]) for test in read_info(info)]
    if not tests:
        return []
    texts = find_rule_texts(tests, rules or paths)
    files = [Path(path) for path in dict.fromkeys(text.path for text in texts.values())]
    content = load_content(load_settings(None), files)
    return [
        Result(
            "recorded", ran.test.path, ran.test.line, ran.test.name, () if ran.holds else (str(ran),),
            rule_id=ran.test.rule_id, rule_path=texts[ran.test.rule_id].path, expected=ran.test.expected, got=ran.got,
        )
        for ran in run_regressions(tests, texts, content)
    ]  # fmt: skip


def _with_scripts(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the paths that are about scripts: not an info.yml, nor a rule without a script that names its info.yml."""
    from correlator.harness.regression import INFO  # noqa: PLC0415 - `--help` must not load it

    if not paths:
        return _shipped()
    told = [path for path in paths if path.suffix in {".yml", ".yaml"} and path.exists() and not _has_script(path)]
    recorded = {path for path in told if path.name == INFO or "\nregression_tests_path:" in path.read_text(encoding="utf-8")}
    return tuple(path for path in paths if path not in recorded)


def _has_script(rule: Path) -> bool:
    return rule.with_suffix(".test").exists()


def _without_infos(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return ``paths`` with every folder that has an info.yml as the rule files in it: an info.yml is no rule."""
    from correlator.harness.regression import INFO, find_infos  # noqa: PLC0415 - `--help` must not load it

    infos = {info.resolve() for info in find_infos([path for path in paths if path.is_dir()])}
    if not infos:
        return paths
    files = [path for path in paths if path.is_file() and path.name != INFO]
    files += [
        file for path in paths if path.is_dir() for file in sorted(path.rglob("*.yml"))
        if file.resolve() not in infos and "mappings" not in file.parts
    ]  # fmt: skip
    return tuple(files)


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


def _untested(paths: tuple[Path, ...], scripts: "dict[Path, tuple[Case, ...]]", proved: frozenset[str]) -> list[str]:
    """Return what lacks proof: rules without any test, scripts without a positive case or without a near miss."""
    from correlator.harness.regression import INFO  # noqa: PLC0415 - `--help` must not load it

    rules = [
        rule for path in paths if path.is_dir() for rule in sorted(path.rglob("*.yml"))
        if _NOT_RULES.isdisjoint(rule.parts) and rule.name != INFO
    ]  # fmt: skip
    missing = [
        f"{rule}: has no script; write {rule.with_suffix('.test').name} beside it"
        for rule in rules
        if rule.with_suffix(".test") not in scripts and str(rule) not in proved
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
