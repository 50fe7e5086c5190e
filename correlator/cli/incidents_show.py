"""``tocsin incidents show``, ``incident``: one incident."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from correlator.cli.casework import commune_names, reading_install, unknown
from correlator.cli.install import config_option, local_time
from correlator.cli.output import exit_code, fail_on_option, format_option, print_rows
from correlator.telemetry.terminal import plain

_PIECES = 5  # event documents shown
_HEAD = 400  # characters of each


@click.command()
@click.argument("number")
@config_option
@format_option
@fail_on_option
def incident(number: str, config: Path | None, form: str, fail_on: str | None) -> None:
    """Show one incident: what it is, the rules that fired, who and what takes part, first evidence, history."""
    from correlator.store import views  # noqa: PLC0415 - `--help` must not load it

    with reading_install(config) as (settings, _, connection):
        found = views.find_incident(connection, number)
        if found is None:
            raise unknown(number, views.nearest_numbers(connection, number))
        document = views.document(connection, found, pieces=_PIECES)
        told = views.history(connection, found.id)
        events = views.event_ids(connection, found.id) if form == "json" else []
    if form == "json":
        print_rows([{**document, "history": told, "event.ids": events}], form, ())
    else:
        _show(document, told, settings.time_zone, commune_names(settings))
    raise SystemExit(exit_code(fail_on, [found.severity.level]))


def _show(document: Mapping[str, Any], told: Sequence[Mapping[str, Any]], zone: str, names: Mapping[str, str]) -> None:
    def local(text: str) -> str:
        return local_time(datetime.fromisoformat(text), zone)

    communes = ", ".join(names.get(one, one) for one in document["communes"])
    verdict = f", {document['verdict']}" if document["verdict"] else ""
    click.echo(f"{document['number']}  {document['severity']}  {document['status']}{verdict}")
    click.echo(plain(f"{document['title']}\n"))
    click.echo(f"communes     {communes} (lane {document['lane']})")
    click.echo(f"events       {document['count']:,} in {document['findings']:,} findings")
    click.echo(f"from         {local(document['first'])}")
    click.echo(f"to           {local(document['last'])}")
    click.echo(f"fingerprint  {document['fingerprint']}")
    for link in document["links"]:
        click.echo(f"linked       {link['number']} ({link['why']})")
    click.echo()
    rules = [{**rule, "first": local(rule["first"]), "last": local(rule["last"])} for rule in document["rules"]]
    print_rows(rules, "text", ("level", "title", "kind", "count", "first", "last"), title="Rules that fired")
    entities = [{**one, "groups": "yes" if one["strong"] else ""} for one in document["entities"]]
    print_rows(entities, "text", ("kind", "role", "value", "commune", "count", "groups"), title="Who and what")
    _show_evidence(document["evidence"], document["count"], local)
    lines = [{**line, "at": local(line["at"]), "person": line["person"] or "Tocsin"} for line in told]
    print_rows(lines, "text", ("at", "person", "change", "text"), title="History")


def _show_evidence(pieces: Sequence[Mapping[str, Any]], count: int, local: Callable[[str], str]) -> None:
    """Show the first event documents: the original line where there is one."""
    rows = []
    for piece in pieces:
        event = piece["event"] or {}
        text = str(event.get("event.original") or event or "(over 8 KiB: see the lake)")
        rows.append({"time": local(piece["@timestamp"]), "event": text if len(text) <= _HEAD else f"{text[:_HEAD]}…"})
    print_rows(rows, "text", ("time", "event"), title=f"First evidence ({len(rows)} of {count:,})")
