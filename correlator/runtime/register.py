"""The annex of the record of processing, in French, written from the settings: what is collected, how long, who receives it."""

from collections.abc import Iterator

from correlator.config.sections.keeping import RetentionSettings
from correlator.config.settings import Settings

#: (what, setting, from when, what the period is for).
_PERIODS = (
    ("Événements techniques (qui, quand, d’où, vers où, quoi)", "lake_days", "de l’événement", "remonter une attaque"),
    ("Texte de la messagerie et de la navigation", "text_days", "de l’événement", "objets, adresses des pages, lignes brutes"),
    ("Pièces d’un incident", "evidence_days", "de la clôture", "plainte, assurance ; un incident ouvert ou gelé garde tout"),
    ("Incidents, historique, échéances", "incident_days", "de la clôture", "récidive, responsabilité"),
    ("Journal des actes et des consultations", "audit_days", "de l’acte", "contrôle interne de l’outil"),
    ("Lignes refusées (illisibles), entières", "dead_letter_days", "de la réception", "corriger puis relire"),
    ("Messages envoyés, appels d’astreinte", "sent_days", "de l’envoi", "prouver qu’on a prévenu"),
    ("États déclarés des services", "statement_days", "de leur fin", "bilan d’une crise"),
    ("Comptages de lignes, sans texte", "ledger_days", "de l’heure comptée", "prouver que rien n’est perdu"),
)  # fmt: skip


def periods_table(chosen: RetentionSettings) -> str:
    """Return the periods as a Markdown table in French."""
    rows = [f"| {what} | {_days(getattr(chosen, name))} | {start} | {why} |" for what, name, start, why in _PERIODS]
    named = [
        f"| Événements de `{pattern}` | {_days(days)} | de l’événement | durée propre à cette source |"
        for pattern, days in chosen.dataset_days.items()
    ]
    head = ["| données | durée | à compter | pour quoi |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, *named])


def annex(settings: Settings) -> str:
    """Return the annex as Markdown: sources, periods, recipients, what is removed and how, as this install is set."""
    return "\n".join([*_sources(settings), "", *_kept(settings), "", *_recipients(settings)])


def _days(days: int) -> str:
    return f"{days} jours" if days < 62 or days % 365 else f"{days // 365} an" + "s" * (days >= 730)  # noqa: PLR2004 - two months, two years


def _sources(settings: Settings) -> Iterator[str]:
    yield "# Annexe au registre des traitements : Tocsin\n"
    yield f"Installation « {settings.install} ». Produite depuis les réglages en vigueur par `tocsin retention register`.\n"
    yield "## Journaux collectés\n"
    yield "| source | ce qui est lu | commune |\n|---|---|---|"
    for source in settings.source:
        yield f"| {source.name} | fichiers, format {source.parser} | {source.commune or 'selon l’événement'} |"
    for listener in settings.listener:
        yield f"| {listener.name} | réception {listener.kind}, port {listener.port} | selon l’événement |"


def _kept(settings: Settings) -> Iterator[str]:
    yield "## Durées de conservation\n"
    yield periods_table(settings.retention)
    done = "appliqué chaque jour" if settings.retention.apply else "**calculé chaque jour, pas encore appliqué**"
    yield f"\nL’effacement est {done} ; chaque passage laisse une ligne datée dans le journal des actes."
    yield "Messagerie et navigation désignent : " + ", ".join(f"`{one}`" for one in settings.retention.text_datasets) + "."


def _recipients(settings: Settings) -> Iterator[str]:
    yield "## Destinataires techniques\n"
    yield "| nom | nature |\n|---|---|"
    yield from (f"| {sink.name} | {sink.kind} |" for sink in settings.sink)
    if settings.backup.dir:
        yield f"| sauvegardes | {settings.backup.dir}, {settings.backup.keep} conservées |"
    if settings.board.export_dir:
        yield f"| tableau de continuité | {settings.board.export_dir} |"
    yield "\nAucune décision automatisée : l’outil signale, une personne décide."
