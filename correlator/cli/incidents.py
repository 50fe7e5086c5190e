"""``tocsin incidents``, ``incident``, ``ack``, ``close``: the analyst's morning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, local_time, open_install, person, since_time
from correlator.cli.output import exit_code, fail_on_option, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.model.incident import Incident
    from correlator.store.people import Act

_STATUSES = ("new", "acknowledged", "in progress", "resolved", "closed", "merged")
_VERDICTS = ("true-positive", "benign-positive", "false-positive", "undetermined")
_COLUMNS = ("number", "severity", "commune", "incident", "events", "first", "last", "status")
_PIECES = 5  # event documents shown
_HEAD = 400  # characters of each


@click.command()
@config_option
@click.option("--status", "statuses", type=click.Choice(_STATUSES), multiple=True, help="Only these; may be repeated.")
@click.option("--since", help="Only those with events after then: 12h, 30d, 2026-11-17.")
@click.option("--all", "everything", is_flag=True, help="Resolved, closed and merged ones too.")
@format_option
@fail_on_option
def incidents(
    config: Path | None, statuses: Sequence[str], since: str | None, *, everything: bool, form: str, fail_on: str | None
) -> None:
    """List incidents, gravest first; without options those that somebody still has to look at."""
    from correlator.model.incident import Status  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import views  # noqa: PLC0415

    chosen = [Status(status) for status in statuses] or (None if everything else [Status(one) for one in _STATUSES[:3]])
    moment = since_time(since) if since else None
    with _reading(config) as (settings, connection):
        found = views.list_incidents(connection, chosen, moment)
        if form == "json":
            rows = [views.document(connection, one) for one in found]
        else:
            names = _names(settings)
            rows = [_row(one, settings.time_zone, names) for one in found]
    print_rows(rows, form, _COLUMNS, title=f"{len(found)} incident{'s' * (len(found) != 1)}")
    raise SystemExit(exit_code(fail_on, [one.severity.level for one in found]))


@click.command()
@click.argument("number")
@config_option
@format_option
@fail_on_option
def incident(number: str, config: Path | None, form: str, fail_on: str | None) -> None:
    """Show one incident: what it is, the rules that fired, who and what takes part, first evidence, history."""
    from correlator.store import views  # noqa: PLC0415 - `--help` must not load it

    with _reading(config) as (settings, connection):
        found = views.find_incident(connection, number)
        if found is None:
            raise _unknown(number, views.nearest_numbers(connection, number))
        document = views.document(connection, found, pieces=_PIECES)
        told = views.history(connection, found.id)
        events = views.event_ids(connection, found.id) if form == "json" else []
    if form == "json":
        print_rows([{**document, "history": told, "event.ids": events}], form, ())
    else:
        _show(document, told, settings.time_zone, _names(settings))
    raise SystemExit(exit_code(fail_on, [found.severity.level]))


@click.command()
@click.argument("number")
@config_option
@format_option
@no_level_option
def ack(number: str, config: Path | None, form: str) -> None:
    """Acknowledge an incident: somebody looks at it now."""
    from correlator.store.people import acknowledge  # noqa: PLC0415 - `--help` must not load it

    _act(config, form, lambda engine, act: acknowledge(engine, number, act))


@click.command()
@click.argument("number")
@config_option
@click.option("--as", "verdict", type=click.Choice(_VERDICTS), required=True, help="What it turned out to be.")
@click.option("--because", "reason", required=True, help="Why; one sentence for whoever reads it next year.")
@format_option
@no_level_option
def close(number: str, config: Path | None, verdict: str, reason: str, form: str) -> None:
    """Close an incident with a verdict and a reason."""
    from correlator.model.incident import Verdict  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import people  # noqa: PLC0415

    if not reason.strip():
        raise InputError([Problem("--because", 0, "empty", "one sentence: what was found, who confirmed it")])
    _act(config, form, lambda engine, act: people.close(engine, number, Verdict(verdict), reason.strip(), act))


@contextmanager
def _reading(config: Path | None) -> "Iterator[tuple[Settings, sa.Connection]]":
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    try:
        with reading(engine) as connection:
            yield settings, connection
    finally:
        engine.dispose()


def _act(config: Path | None, form: str, what: "Callable[[sa.Engine, Act], Incident]") -> None:
    from correlator.errors import Retry  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.people import Act, IllegalTransition, Stale, UnknownIncident  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        act = Act(person(), datetime.now(UTC), settings.install, tuple(settings.sinks))
        after = what(engine, act)
    except (UnknownIncident, IllegalTransition, Stale, Retry) as error:
        where, _, right = str(error).partition("; ")
        raise InputError([Problem("tocsin", 0, where, right)]) from None
    finally:
        engine.dispose()
    verdict = f" ({after.verdict})" if after.verdict else ""
    row = {"number": after.number, "status": str(after.status), "verdict": after.verdict and str(after.verdict)}
    if form == "json":
        print_rows([row], form, ())
    else:
        click.echo(plain(f"{after.number} is {after.status}{verdict}: {after.title}"))


def _unknown(number: str, nearest: Sequence[str]) -> InputError:
    right = f"did you mean {' or '.join(nearest)}?" if nearest else "there is no incident yet"
    return InputError([Problem("tocsin", 0, f"no incident {number}", right)])


def _names(settings: "Settings") -> Mapping[str, str]:
    """Return commune id → name, as far as the estate can be read: a broken estate file must not hide incidents."""
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it

    if settings.estate is None:
        return {}
    try:
        return {commune.id: commune.name for commune in load_estate(settings.estate).communes}
    except InputError:
        return {}


def _row(one: "Incident", zone: str, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": one.number,
        "severity": one.severity.level,
        "commune": names.get(one.lane, one.lane),
        "incident": one.title,
        "events": one.count,
        "first": local_time(one.first, zone),
        "last": local_time(one.last, zone),
        "status": str(one.status),
    }


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
