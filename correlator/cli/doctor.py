"""``tocsin doctor``: is everything in place, and if not, what to do."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.checkup import Finding


@click.command()
@config_option
@format_option
@no_level_option
def doctor(config: Path | None, form: str) -> None:
    """Check settings, disk, clock, parsers, rules, estate, sources and database. Exit 1 when something does not work."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.checkup import Verdict, check_up, load_or_explain  # noqa: PLC0415

    settings, findings = load_or_explain(lambda: load_settings(config))
    if settings is not None:
        findings += check_up(settings)
    print_findings(findings, form)
    broken = any(finding.verdict is Verdict.FAILED for finding in findings)
    raise SystemExit(Exit.FINDINGS if broken else Exit.DONE)


def print_findings(findings: "Sequence[Finding]", form: str) -> None:
    """Print findings as NDJSON, or one line each with what to do below it."""
    if form == "json":
        print_rows([asdict(finding) for finding in findings], form, ())
    for finding in findings if form == "text" else ():
        click.echo(plain(f"{finding.verdict.upper():<8} {finding.subject}: {finding.seen}"))
        if finding.advice:
            click.echo(f"         → {finding.advice}")
