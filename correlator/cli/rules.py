"""``tocsin rules``: what the rules are, what they look for, and whether they can work here."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.cli.rules_chosen import choose
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.detect.plan import Rule

#: Subcommands that live in modules of their own: name → (module, attribute).
ELSEWHERE = {
    "check": ("correlator.cli.rules_check", "check"),
    "coverage": ("correlator.cli.rules_coverage", "coverage"),
    "profile": ("correlator.cli.rules_profile", "profile"),
    "new": ("correlator.cli.rules_new", "new"),
    "test": ("correlator.cli.rules_test", "test"),
    "try": ("correlator.cli.rules_try", "try_rule"),
    "explain": ("correlator.cli.rules_explain", "explain"),
    "backtest": ("correlator.cli.rules_backtest", "backtest"),
    "disable": ("correlator.cli.rules_pause", "disable"),
    "enable": ("correlator.cli.rules_pause", "enable"),
    "cost": ("correlator.cli.rules_pause", "cost"),
    "activity": ("correlator.cli.rules_pause", "activity"),
    "noisy": ("correlator.cli.rules_noisy", "noisy"),
    "sets": ("correlator.cli.rules_sets", "sets"),
    "update": ("correlator.cli.rules_sets", "update"),
    "rollback": ("correlator.cli.rules_sets", "rollback"),
    "reload": ("correlator.cli.rules_sets", "reload"),
    "history": ("correlator.cli.rules_sets", "history"),
}


class RulesGroup(click.Group):
    """The group of rule commands; those of other modules are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands that are there."""
        return [*super().list_commands(ctx), *(name for name, (module, _) in ELSEWHERE.items() if find_spec(module))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None."""
        if cmd_name in ELSEWHERE and find_spec(ELSEWHERE[cmd_name][0]):
            module, attribute = ELSEWHERE[cmd_name]
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=RulesGroup)
def rules() -> None:
    """List, show, check, test and try rules."""


_paths = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
estate_option = click.option(
    "--estate",
    type=click.Path(path_type=Path),
    help="The estate file that says what placeholders stand for; else the configured one.",
)

#: Of commands that look for one rule, ``folders``: empty for the rules of the install.
folders_option = click.option(
    "--rules", "folders", multiple=True, type=click.Path(path_type=Path), help="Where rules, filters and mappings are."
)


@rules.command("list")
@_paths
@estate_option
@config_option
@format_option
@no_level_option
def list_(paths: tuple[Path, ...], estate: Path | None, config: Path | None, form: str) -> None:
    """List the rules below PATHS (without: those of the configured rule sets that are to run)."""
    loaded = choose(paths, estate, config).loaded
    rows = [_summary(rule) for rule in loaded.ruleset.rules]
    print_rows(rows, form, ("level", "title", "log source", "id"), title=f"{len(rows)} rules")


@rules.command()
@click.argument("rule")
@_paths
@estate_option
@config_option
@format_option
@no_level_option
def show(rule: str, paths: tuple[Path, ...], estate: Path | None, config: Path | None, form: str) -> None:
    """Show the RULE (id, name, or end of its path) below PATHS: what it looks for once mappings and filters are applied.

    Without PATHS it is looked for among the rules of the configured rule sets that are to run.
    """
    from correlator.detect.wording import describe_condition  # noqa: PLC0415 - `--help` loads nothing

    found = _find(choose(paths, estate, config).loaded.ruleset.rules, rule)
    details = _summary(found) | {
        "name": found.name,
        "status": found.status,
        "description": found.description.strip(),
        "author": found.author,
        "tags": list(found.tags),
        "false positives": list(found.falsepositives),
        "filters": list(found.filters),
        "shown first": list(found.display),
        "scope": list(found.scope),
        "related": [f"{relation} {other}" for relation, other in found.related],
        "references": list(found.references),
        "log source needs": found.definition.strip(),
        "own attributes": [f"{name}: {value}" for name, value in found.custom.items()],
        "fields": sorted(found.fields),
        "hash": found.hash,
        "condition": list(describe_condition(found.condition)),
    }
    if form == "json":
        print_rows([details], form, ())
        return
    for key, value in details.items():
        if value:
            click.echo(f"{key}: {_worded(key, value)}")


def _find(found: Iterable["Rule"], wanted: str) -> "Rule":
    for rule in found:
        if wanted in {rule.id, rule.name} or rule.path.endswith(wanted) or rule.title.casefold() == wanted.casefold():
            return rule
    expected = (
        "an id, a name, a title or the end of a path of `tocsin rules list`; `rules sets --explain ID`: why it does not run"
    )
    raise InputError([Problem(wanted, 0, "there is no such rule", expected)])


def _summary(rule: "Rule") -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "level": rule.level,
        "log source": str(rule.logsource),
        "path": f"{rule.path}:{rule.line}",
    }


def _worded(key: str, value: str | list[str]) -> str:
    if isinstance(value, str):
        return value
    return "".join(f"\n  {line}" for line in value) if key == "condition" else ", ".join(value)
