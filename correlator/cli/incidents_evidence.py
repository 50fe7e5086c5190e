"""``tocsin incidents evidence``: prove that nobody changed the evidence, and hand it out."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.casework import reading_install, unknown
from correlator.cli.install import config_option, open_install, person
from correlator.cli.output import Exit, format_option, no_level_option, say
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.evidence_pack import Checked
    from correlator.store.evidence import Verified


@click.command()
@click.argument("number", required=False)
@click.option(
    "--export", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the evidence into this new folder."
)
@click.option("--verify", is_flag=True, help="Look at the chain and every document; what is done without options, too.")
@click.option(
    "--pack",
    type=click.Path(path_type=Path, file_okay=False),
    help="Check a folder that was handed out; with NUMBER also against the install.",
)
@config_option
@format_option
@no_level_option
def evidence(
    number: str | None, folder: Path | None, pack: Path | None, config: Path | None, form: str, *, verify: bool
) -> None:
    """Verify that nobody changed the evidence of an incident, write it into a folder, or check such a folder.

    Exit code 1 when something was changed. A folder is checked without any install.
    """
    if pack is not None:
        _check(pack, number, config, form)
    elif number is None:
        raise InputError([Problem("evidence", 0, "which incident?", "a number, or --pack FOLDER")])
    elif folder is not None and not verify:
        _export(number, folder, config, form)
    elif folder is not None:
        raise InputError([Problem("evidence", 0, "--export and --verify together", "one of them")])
    else:
        _verify(number, config, form)


def _verify(number: str, config: Path | None, form: str) -> None:
    from correlator.store import evidence as chains  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import views  # noqa: PLC0415

    with reading_install(config) as (_, _, connection):
        one = views.find_incident(connection, number)
        if one is None:
            raise unknown(number, views.nearest_numbers(connection, number))
        found = chains.verify(connection, one.id)
    row = {"number": one.number, "sound": found.is_sound, **asdict(found)}
    say(row, f"{one.number}: {_told(found)}", form)
    _end(found.faults)


def _told(found: "Verified") -> str:
    gone = [f"{found.left} went to another incident"] * bool(found.left) + [f"{found.removed} were removed"] * bool(
        found.removed
    )
    loose = f", {found.loose} came since and hang on it with the next act" if found.loose else ""
    told = f"{found.documents} documents on a chain of {found.entries} entries{loose}{''.join(f', {one}' for one in gone)}."
    what = "Nothing was changed." if found.is_sound else f"{len(found.faults)} faults:"
    return f"{told}\n{what}" + (f" Newest hash {found.head}" if found.is_sound and found.head else "")


def _export(number: str, folder: Path, config: Path | None, form: str) -> None:
    from correlator.runtime.evidence_pack import export  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    done = export(engine, settings, number, folder, person(), datetime.now(UTC))
    told = (
        f"{done.number}: {done.documents} documents in {done.folder}; open dossier.html.\n"
        f"Write this down elsewhere, it proves the folder: {done.head or '(no documents)'}"
    )
    say({**asdict(done), "folder": str(done.folder)}, told, form)


def _check(pack: Path, number: str | None, config: Path | None, form: str) -> None:
    from correlator.runtime.evidence_pack import check_pack  # noqa: PLC0415 - `--help` must not load it

    found = check_pack(pack)
    faults = [*found.faults, *(_against_install(found, number, config) if number else ())]
    head = f"{found.number}: {found.documents} documents, {found.entries} entries, newest hash {found.head}."
    told = "Nothing was changed." if not faults else f"{len(faults)} faults:"
    say({**asdict(found), "faults": faults, "sound": not faults}, f"{head}\n{told}", form)
    _end(faults)


def _against_install(found: "Checked", number: str, config: Path | None) -> list[str]:
    """Return what the install says against the pack: its chain must go through the newest hash of the pack."""
    from correlator.store import evidence as chains  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import views  # noqa: PLC0415

    with reading_install(config) as (_, _, connection):
        one = views.find_incident(connection, number)
        if one is None:
            raise unknown(number, views.nearest_numbers(connection, number))
        hashes = {entry.hash for entry in chains.chain_of(connection, one.id)}
    wrong = [f"the pack is of {found.number}, not of {one.number}"] if one.number != found.number else []
    return wrong + ([] if found.head in hashes or not found.head else ["the install's chain never had the pack's newest hash"])


def _end(faults: "list[str] | tuple[str, ...]") -> None:
    for fault in faults:
        click.echo(plain(f"  {fault}"), err=True)
    raise SystemExit(Exit.FINDINGS if faults else Exit.DONE)
