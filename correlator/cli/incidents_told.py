"""One incident as text for a terminal, or as Markdown for a ticket or a mail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from correlator.api.reasoning import after, say, stage, title
from correlator.api.wording import duration
from correlator.cli.install import local_time
from correlator.cli.output import print_rows
from correlator.runtime.reasons import Reasons, Said
from correlator.store.around import Around
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.cli.incidents_show import Shown

_HEAD = 400  # characters of an event document
_EXCERPT = 160


def as_text(shown: "Shown", language: str) -> None:
    """Print the incident: what it is, why, what to do, then rules, things, evidence, history."""
    document, zone = shown.document, shown.settings.time_zone

    def local(text: str) -> str:
        return local_time(datetime.fromisoformat(text), zone)

    _print_facts(shown, local)
    for name, lines in _parts(shown, language):
        click.echo(name)
        for line in lines:
            click.echo(plain(f"  {line}"))
        click.echo()
    rules = [{**rule, "first": local(rule["first"]), "last": local(rule["last"])} for rule in document["rules"]]
    print_rows(rules, "text", ("level", "title", "kind", "count", "first", "last"), title="Rules that fired")
    entities = [{**one, "groups": "yes" if one["strong"] else ""} for one in document["entities"]]
    print_rows(entities, "text", ("kind", "role", "value", "commune", "count", "groups"), title="Who and what")
    _print_evidence(document["evidence"], document["count"], local)
    history = [{**line, "at": local(line["at"]), "person": line["person"] or "Tocsin"} for line in shown.told]
    print_rows(history, "text", ("at", "person", "change", "text"), title="History")


def _print_facts(shown: "Shown", local: Callable[[str], str]) -> None:
    document, one = shown.document, shown.one
    communes = ", ".join(shown.names.get(commune, commune) for commune in document["communes"])
    verdict = f", {document['verdict']}" if document["verdict"] else ""
    click.echo(f"{document['number']}  {document['severity']}  {document['status']}{verdict}")
    click.echo(plain(f"{document['title']}\n"))
    if document["merged_into"]:
        into = document["merged_into"]
        click.echo(f"It went into {into}, which has all it was made of: 'tocsin incidents show {into}'.\n")
    click.echo(f"communes     {communes} (lane {document['lane']})")
    click.echo(f"events       {document['count']:,} in {document['findings']:,} findings")
    quiet = [f"{count:,} {why} of {rule['title']}" for rule in document["rules"] for why, count in rule["quiet"].items()]
    if quiet:
        click.echo(plain(f"quiet        {'; '.join(quiet)}"))
    click.echo(f"from         {local(document['first'])}")
    click.echo(f"to           {local(document['last'])}")
    click.echo(plain(f"owner        {one.owner or 'nobody yet'}"))
    click.echo(f"fingerprint  {document['fingerprint']}")
    for link in document["links"]:
        click.echo(f"linked       {link['number']} ({link['why']})")
    click.echo()


def _parts(shown: "Shown", language: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what explains an incident: title and lines, parts with nothing to say left out."""
    why, zone = shown.reasons, shown.settings.time_zone

    def told(every: Sequence[Said]) -> list[str]:
        return [say(one, language, zone) for one in every]

    parts = (
        (title("order", language), _order(why, zone, language)),
        (title("stages", language), [" → ".join(stage(name, language) for name in why.stages)] if why.stages else []),
        (title("unusual", language), told(why.unusual)),
        (title("todo", language) % shown.one.number, [f"[ ] {one.text}" for one in why.todo]),
        (title("authors", language), told(why.first)),
        (_title_of(shown.around, zone, language), list(_besides(shown.around, zone, language))),
        (title("pivots", language), [one.command for one in why.pivots if one.command]),
        (title("missing", language), told(why.missing)),
    )
    yield from ((name, lines) for name, lines in parts if lines)


def _order(why: Reasons, zone: str, language: str) -> list[str]:
    lines = []
    for one in why.moments:
        times = f"× {one.count:,}, {duration(one.lasted.total_seconds(), language)}" if one.count > 1 else "× 1"
        kind = {"hit": ", correlation", "risk": ", risk"}.get(one.kind, "")
        lines.append(f"{local_time(one.at, zone)}  {after(one, language):>9}  {one.title} ({one.level}{kind}, {times})")
    return lines


def _title_of(around: Around | None, zone: str, language: str) -> str:
    if around is None:
        return ""
    return title("around", language) % {"since": local_time(around.since, zone), "until": local_time(around.until, zone)}


def _besides(around: Around | None, zone: str, language: str) -> Iterator[str]:
    if around is None:
        return
    if around.gap:
        yield say(Said(around.gap), language, zone)
    for did in around.did:
        counts = {"all": f"{did.events:,}", "own": f"{did.inside:,}", "others": f"{did.events - did.inside:,}"}
        yield f"{did.thing.kind} {did.thing.value}: {title('besides', language) % counts}"
        for dataset, action, count in did.actions:
            yield f"    {count:>7,}  {dataset}{f'  {action}' if action else ''}"
        for row in did.examples:
            yield f"    {local_time(row['@timestamp'], zone)}  {_excerpt(row)}"


def _excerpt(row: Mapping[str, Any]) -> str:
    text = " ".join(str(row["event.original"] or row["event.action"] or "").split())
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"


def _print_evidence(pieces: Sequence[Mapping[str, Any]], count: int, local: Callable[[str], str]) -> None:
    """Show the first event documents: the original line where there is one."""
    rows = []
    for piece in pieces:
        event = piece["event"] or {}
        text = str(event.get("event.original") or event or "(over 8 KiB: see the lake)")
        rows.append({"time": local(piece["@timestamp"]), "event": text if len(text) <= _HEAD else f"{text[:_HEAD]}…"})
    print_rows(rows, "text", ("time", "event"), title=f"First evidence ({len(rows)} of {count:,})")


def as_markdown(shown: "Shown", language: str) -> str:
    """Return the incident as Markdown; what comes from logs stands in code, so that nothing of it is markup."""
    document, zone = shown.document, shown.settings.time_zone
    verdict = f", {document['verdict']}" if document["verdict"] else ""
    communes = ", ".join(shown.names.get(commune, commune) for commune in document["communes"])
    first, last = (local_time(datetime.fromisoformat(document[name]), zone) for name in ("first", "last"))
    lines = [
        f"# {document['number']} ({document['severity']}, {document['status']}{verdict})", "",
        _safe(document["title"]), "",
        f"- {_safe(communes)}; {first} – {last}; {document['count']:,} events in {document['findings']:,} findings",
    ]  # fmt: skip
    if document["merged_into"]:
        lines.append(f"- It went into {document['merged_into']}.")
    for name, told in _parts(shown, language):
        lines += ["", f"## {_safe(name)}", "", *(f"- {_code(line) if _is_raw(line) else _safe(line)}" for line in told)]
    return plain("\n".join(lines) + "\n")


def _is_raw(line: str) -> bool:
    return line.startswith(("tocsin ", "    "))


def _safe(text: str) -> str:
    """Return ``text`` with every sign that Markdown or HTML could take for its own made harmless."""
    kept = "".join(f"\\{sign}" if sign in "\\`*_{}[]#|~" else sign for sign in " ".join(text.split()))
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    fence = "`" * (max((len(run) for run in _runs(text)), default=0) + 1)
    inner = " ".join(text.split())
    return f"{fence} {inner} {fence}" if "`" in inner else f"{fence}{inner}{fence}"


def _runs(text: str) -> list[str]:
    return ["`" * len(part) for part in "".join(sign if sign == "`" else " " for sign in text).split()]
