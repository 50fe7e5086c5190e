"""``tocsin doctor``: is everything in place, and if not, what to do."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option
from correlator.cli.output import LEVELS, Exit, format_option, print_rows
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.checkup import Finding

_LOOK = {"informational", "low", "medium"}  # levels that a warning reaches


@click.command()
@config_option
@format_option
@click.option(
    "--fail-on", type=LEVELS, help="Exit 1 from here on: medium or below, when somebody should look; else when broken."
)
def doctor(config: Path | None, form: str, fail_on: str | None) -> None:
    """Check the whole install, from the settings to the age of the last backup; each finding says what to do.

    Exit 1 when something does not work; with --fail-on medium also when somebody should look. Example: tocsin doctor
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.checkup import Verdict, check_up, load_or_explain  # noqa: PLC0415
    from correlator.runtime.checkup_install import check_install  # noqa: PLC0415

    settings, findings = load_or_explain(lambda: load_settings(config))
    if settings is not None:
        findings += [*check_up(settings), *check_install(settings)]
    print_findings(findings, form)
    bad = {Verdict.FAILED, Verdict.WARNING} if fail_on in _LOOK else {Verdict.FAILED}
    broken = any(finding.verdict in bad for finding in findings)
    raise SystemExit(Exit.FINDINGS if broken else Exit.DONE)


def print_findings(findings: "Sequence[Finding]", form: str) -> None:
    """Print findings as NDJSON, or one line each with what to do below it."""
    if form == "json":
        print_rows([asdict(finding) for finding in findings], form, ())
    for finding in findings if form == "text" else ():
        click.echo(plain(f"{finding.verdict.upper():<8} {finding.subject}: {finding.seen}"))
        if finding.advice:
            click.echo(f"         → {finding.advice}")
