"""The page of an evidence pack: an incident and its records for people without Tocsin, in French, without anything to load."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import orjson

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #999;padding:.3rem .5rem;text-align:left;vertical-align:top}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f3f3f3;padding:.5rem}code{overflow-wrap:anywhere}"
    "section{break-inside:avoid}@media print{body{margin:0}}"
)
_HOW = (
    "Chaque maillon de chain.ndjson a un texte « body » et une empreinte « hash » : le sha256 de l’empreinte du maillon",
    "précédent suivie du body (le premier part de soixante-quatre zéros). Le body donne le sha256 du document de l’événement.",
    "Les empreintes des fichiers sont dans manifest.json. Pour tout vérifier : tocsin incidents evidence --pack DOSSIER.",
    "Pour vérifier un fichier à la main : sha256sum.",
)


def page_of(told: Mapping[str, Any], rows: Sequence[Mapping[str, str]], stamp: Mapping[str, Any], zone: str) -> str:
    """Return the page; ``told`` is the incident's document with its history, ``rows`` the documents, ``stamp`` who and when."""

    def local(text: str) -> str:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime("%d/%m/%Y %H:%M:%S")

    facts = (
        ("Numéro", told["number"]),
        ("Gravité", told["severity"]),
        ("Statut", f"{told['status']} {told['verdict'] or ''}"),
        ("Communes", ", ".join(told["communes"])),
        ("Premier événement", local(told["first"])),
        ("Dernier événement", local(told["last"])),
        ("Ouvert", local(told["opened"])),
        ("Événements", f"{told['count']} dont {len(rows)} documents joints"),
        ("Exporté", f"{local(stamp['at'])} par {stamp['by']}"),
        ("Empreinte de la chaîne", f"{stamp['head'] or '–'} ({stamp['entries']} maillons)"),
    )
    rules = [(rule["title"], rule["level"], rule["count"], local(rule["first"]), local(rule["last"])) for rule in told["rules"]]
    history = [(local(line["at"]), line["person"] or "Tocsin", line["change"], line["text"]) for line in told["history"]]
    body = (
        f"<h1>Incident {escape(told['number'])}</h1><p><strong>{escape(told['title'])}</strong></p>{_table((), facts)}"
        f"<h2>Règles</h2>{_table(('Règle', 'Niveau', 'Constats', 'Première fois', 'Dernière fois'), rules)}"
        f"<h2>Historique</h2>{_table(('Quand', 'Qui', 'Quoi', 'Texte'), history)}"
        f"<h2>Documents</h2>{''.join(_piece(number, row, local) for number, row in enumerate(rows, start=1))}"
        f"<h2>Comment vérifier</h2><p>{escape(' '.join(_HOW))}</p>"
    )
    title = f"Incident {escape(told['number'])} – preuves"
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{title}</title><style>{_STYLE}</style>"
    )
    return f'<!doctype html><html lang="fr"><head>{head}</head><body><main>{body}</main></body></html>\n'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; without ``head`` the first cell of each row is its name."""
    if head:
        top = "".join(f"<th scope='col'>{escape(name)}</th>" for name in head)
        return f"<table><tr>{top}</tr>{''.join(f'<tr>{_cells(row)}</tr>' for row in rows)}</table>"
    lines = (f"<tr><th scope='row'>{escape(str(row[0]))}</th>{_cells(row[1:])}</tr>" for row in rows)
    return f"<table>{''.join(lines)}</table>"


def _cells(row: Sequence[object]) -> str:
    return "".join(f"<td>{escape(str(cell))}</td>" for cell in row)


def _piece(number: int, row: Mapping[str, str], local: Callable[[str], str]) -> str:
    event = orjson.loads(row["document"])
    original = str(event.pop("event.original", None) or "(sans ligne d’origine)")
    fields = "; ".join(f"{name} = {value}" for name, value in event.items() if value is not None)
    hashes = f"<code>{escape(row['event.id'])}</code><br><code>sha256 {escape(row['sha256'])}</code>"
    head = f"<h3>{number}. {escape(local(row['@timestamp']))}</h3><pre>{escape(original)}</pre>"
    return f"<section>{head}<p>{escape(fields)}</p><p>{hashes}</p></section>"
