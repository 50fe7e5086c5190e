"""``tocsin backup`` and ``tocsin restore``: a copy of a running install, and putting it back."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.runtime.restore import Restored


@click.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option("--keep", type=click.IntRange(min=1), help="Backups that stay in the folder; default: [backup] keep.")
@config_option
@format_option
@no_level_option
def backup(target: Path | None, keep: int | None, config: Path | None, form: str) -> None:
    """Copy the install while it runs: into a folder of backups, or into one file NAME.tar.zst; default: [backup] dir.

    Database, lake, journal, settings, estate and own rules; not secrets, not keys. Every file is read back and compared. In a
    folder, files of the lake that the backup before has are shared with it. Example: tocsin backup /mnt/nas/tocsin
    """
    from correlator.config.settings import DEFAULT_PATHS, load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.backup import back_up  # noqa: PLC0415

    os.umask(0o077)
    settings = load_settings(config)
    place = target or settings.backup.dir
    if place is None:
        raise InputError([Problem("TARGET", 0, "no place to write to", "name a folder, or set [backup] dir")])
    chosen = config or next((path for path in DEFAULT_PATHS if path.is_file()), None)
    made = back_up(settings, chosen, place, datetime.now(UTC), keep or settings.backup.keep)
    if form == "json":
        row = {"path": str(made.path), "files": made.files, "bytes": made.bytes, "copied_bytes": made.copied_bytes}
        print_rows([{**row, **made.holds, "removed": list(made.removed)}], form, ())
        return
    size, copied = f"{made.bytes / 1e6:,.1f} MB", f"{made.copied_bytes / 1e6:,.1f} MB"
    click.echo(f"{made.path}: {made.files:,} files, {size}, {copied} of them new; read back and compared.")
    click.echo(_holds(made.holds))
    for name in made.removed:
        click.echo(f"Removed the older {name}.")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="The empty data folder to fill.")
@click.option("--check", "only_check", is_flag=True, help="Restore into a folder of its own, open it, remove it again.")
@format_option
@no_level_option
def restore(source: Path, into: Path | None, form: str, *, only_check: bool) -> None:
    """Put a backup into an empty data folder, after comparing every file with its manifest, and say what it holds.

    SOURCE is a backup, or a folder of them: the newest. Settings come into DIR/restored-config, for you to put back.
    Example: tocsin restore /mnt/nas/tocsin --into /var/lib/tocsin
    """
    from correlator.runtime.restore import check  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.restore import restore as put_back  # noqa: PLC0415

    os.umask(0o077)
    if only_check == (into is not None):
        raise InputError([Problem("--into", 0, "give either --into DIR or --check", "--into names an empty data folder")])
    if into is None:
        import tempfile  # noqa: PLC0415 - rarely needed

        done = check(source, Path(tempfile.mkdtemp(prefix="tocsin-check-")))
    else:
        done = put_back(source, into)
    _say(done, form, only_check=only_check)


def _say(done: "Restored", form: str, *, only_check: bool) -> None:
    if form == "json":
        print_rows([{"into": str(done.into), "created": done.created, "version": done.version, **done.holds}], form, ())
        return
    click.echo(f"Backup of {done.created}, made by Tocsin {done.version}: every file is as it was backed up.")
    click.echo(_holds(done.holds))
    if not only_check:
        click.echo(f"It is in {done.into}; give it to the service's user (chown), then start Tocsin with it as data_dir.")
        click.echo("What came since is read again from the log files that are still there; secrets are yours to put back.")


def _holds(holds: dict[str, object]) -> str:
    last = f", the last of {holds['last_event']}" if holds["last_event"] else ""
    return f"It holds {holds['incidents']:,} incidents and {holds['events']:,} events{last}; schema {holds['schema']}."
