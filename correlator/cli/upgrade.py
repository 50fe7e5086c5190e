"""``tocsin upgrade``: what a new version would change, doing it, and going back."""

from datetime import UTC, datetime
from pathlib import Path

import click

from correlator.cli.doctor import print_findings
from correlator.cli.install import config_option
from correlator.cli.output import Exit, format_option, no_level_option
from correlator.errors import InputError, Problem


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Only say what would change or not work; nothing is written.")
@click.option(
    "--back-to", metavar="SCHEMA", help="Turn the database into that of an older version: 0001. Tocsin must be stopped."
)
@config_option
@format_option
@no_level_option
def upgrade(config: Path | None, form: str, back_to: str | None, *, only_check: bool) -> None:
    """Check what this version changes in the install, then migrate its database, after a safety copy beside it.

    Starting Tocsin migrates too; this does it while it is stopped, and refuses when something would not work. Exit 1 then.
    Example: tocsin upgrade --check
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.checkup import Verdict, load_or_explain  # noqa: PLC0415
    from correlator.runtime.upgrade import check_upgrade, step_back  # noqa: PLC0415
    from correlator.store.database import SCHEMA, open_database  # noqa: PLC0415

    if back_to:
        copy = step_back(load_settings(config), back_to, datetime.now(UTC))
        click.echo(f"The database has schema {back_to} now; what it was lies in {copy}. Start the older Tocsin.")
        return
    settings, findings = load_or_explain(lambda: load_settings(config))
    findings += check_upgrade(settings) if settings is not None else []
    print_findings(findings, form)
    broken = any(finding.verdict is Verdict.FAILED for finding in findings)
    if only_check or broken or settings is None:
        raise SystemExit(Exit.FINDINGS if broken else Exit.DONE)
    if not settings.database.exists():
        raise InputError(
            [Problem(str(settings.database), 0, "no database yet", "`tocsin run` makes it with the newest schema")]
        )
    open_database(settings.database).dispose()
    if form == "text":
        click.echo(f"The database has schema {SCHEMA}.")
