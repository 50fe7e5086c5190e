"""Video management: audit exports of Milestone XProtect, Genetec activity trails, and journals of others, as CSV.

How to send it here: Milestone: Management Client > Server Logs > Audit logs > Export, or on a schedule PowerShell's
``Get-VmsLog -LogType Audit | Export-Csv`` (MilestonePSTools) into a folder with a ``file`` source. Genetec: report *Activity
trails*, exported on a schedule. References: Milestone, "Audit logs (properties)"; Genetec, "Activity trails". ``;``, ``,`` or
tabs; French or English headings; without a header the columns are Milestone's: local time, message text, permission,
category, source type, source name, user, user location. The encrypted daily files of old XProtect are not read.

``message`` is the sentence as it was written; ``event.action`` says in one word what was done (``export``, ``delete``,
``mask``, ``login``, ``logout``, ``live``, ``playback``, ``offline``, ``online``, ``configuration``). ``equipment.id`` is the
camera.

Sigma: ``product: milestone``, ``service: audit`` (Milestone and whatever looks like it); ``product: genetec``.

Speed: about 75,000 lines per CPU-second, not 300,000: exports of several products are told by their header, sentences read
for words.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Signature
from correlator.parse.formats.making import Making
from correlator.parse.formats.tables import TableOf, moment
from correlator.parse.formats.values import account, account_domain, address, words
from correlator.parse.times import zone_of

__all__ = ["PARSER"]

_MILESTONE, _GENETEC = LogSource("milestone", "", "audit"), LogSource("genetec", "", "audit")
_HEAD = (
    r'^(?i:\x{feff}?"?(?:local time|heure locale|utc time|time|date|horodatage|initiator)"?[^;,\t]*[;,\t]'
    r".*(?:message text|texte du message|activity name|activit[eé]|evenement vid[eé]o).*[;,\t].*"
    r"(?:user|utilisateur|initiator|source name|nom de (?:la )?source|entity).*)$"
)
_LINE = (
    r'^"?(?:[0-9]{2}/[0-9]{2}/[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2})[ T][0-9:.,]+(?: [AP]M)?"?[;,\t]"?[^;\t"]+"?[;,\t]'
    r'"?(?i:granted|denied|accord[ée]e?|refus[ée]e?|autoris[ée]e?)"?[;,\t]'
)
_JOURNAL = TableOf(
    {
        "time": "local_time heure_locale date date_heure horodatage event_timestamp timestamp utc_time heure_utc",
        "message": "message_text texte_du_message message activity_name activite nom_de_l_activite evenement",
        "permission": "autorisation droit access result resultat",
        "category": "categorie type activity_type",
        "source_type": "type_de_source impacted_entity_type type_d_entite initiator_type",
        "source_name": "nom_de_source nom_de_la_source impacted_entity entity entite camera source",
        "user": "utilisateur initiator initiateur original_initiator operateur",
        "location": "user_location emplacement_de_l_utilisateur initiator_machine machine poste adresse_ip ip client",
        "level": "niveau severity gravite log_level",
        "description": "details detail commentaire comment",
    },
    usual=("time", "message", "permission", "category", "source_type", "source_name", "user", "location"),
    line=_LINE,
)
_said = pl.concat_str("message", "description", separator=" ", ignore_nulls=True).str.to_lowercase()
_ACTIONS = (
    ("export", r"export"),
    ("delete", r"delet|supprim|effac"),
    ("mask", r"privacy mask|masque|masking|mask removed"),
    ("evidence_lock", r"evidence lock|verrou"),
    ("logout", r"logged off|logged out|log ?out|d[ée]connexion|d[ée]connect"),
    ("login", r"log(?:ged)? ?on|log(?:ged)? ?in|connexion|login|ouverture de session"),
    ("offline", r"communication stopped|communication (?:perdue|interrompue)|offline|hors ligne|lost|d[ée]faillance|no signal"),
    ("online", r"communication started|communication (?:r[ée]tablie|d[ée]marr[ée]e)|online|en ligne|restored"),
    ("live", r"live view|live|direct"),
    ("playback", r"playback|lecture|relecture"),
    ("account", r"user (?:added|created|removed|deleted)|utilisateur (?:ajout|cr[ée]|supprim)|password|mot de passe|role"),
    ("configuration", r"config|setting|param[èe]tr|firmware|modif|changed"),
)
_action = pl.coalesce(
    *(pl.when(_said.str.contains(pattern)).then(pl.lit(word)) for word, pattern in _ACTIONS), pl.lit("activity")
)
_is_refused = pl.concat_str("permission", "message", separator=" ", ignore_nulls=True).str.contains(
    r"(?i)denied|refus|failed|[ée]chec|invalid|incorrect|not granted"
)
_is_genetec = pl.col("\nheader").str.contains(r"(?i)initiator|activity name")
_kinds = {
    "login": "start",
    "logout": "end",
    "delete": "deletion",
    **dict.fromkeys(("mask", "configuration", "account", "evidence_lock"), "change"),
}
_categories = {
    **dict.fromkeys(("login", "logout"), "authentication"),
    **dict.fromkeys(("configuration", "mask"), "configuration"),
    "account": "iam",
}

_MAKING = Making(
    dataset=pl.when(_is_genetec).then(pl.lit("genetec.audit")).otherwise(pl.lit("milestone.audit")),
    log_sources=pl.when(_is_genetec).then(pl.lit(str(_GENETEC))).otherwise(pl.lit(str(_MILESTONE))),
    words=("permission", "category", "source_type"),
    ecs={
        "event.kind": pl.lit("event"),
        "event.category": pl.concat_list(_action.replace_strict(_categories, default="file", return_dtype=pl.String)),
        "event.type": pl.concat_list(_action.replace_strict(_kinds, default="access", return_dtype=pl.String)),
        "event.action": _action,
        "event.outcome": pl.when(_is_refused).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "event.reason": words(pl.col("description")),
        "log.level": words(pl.col("level")).str.to_lowercase(),
        "message": pl.col("message"),
        "device.name": words(pl.col("source_name")),
        "resource.type": words(pl.col("source_type")),
        "user.name": account(words(pl.col("user"))),
        "user.domain": account_domain(pl.col("user")),
        "source.ip": address(pl.col("location")),
        "source.address": words(pl.col("location")),
        "observer.vendor": pl.when(_is_genetec).then(pl.lit("Genetec")).otherwise(pl.lit("Milestone")),
        "observer.product": pl.when(_is_genetec).then(pl.lit("Security Center")).otherwise(pl.lit("XProtect")),
    },
    own={
        **{name: pl.col(name) for name in ("permission", "category", "source_type", "source_name", "location", "description")},
        "equipment.id": words(pl.col("source_name")),
        "equipment.type": pl.lit("vms"),
    },
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the audit."""
    table = _JOURNAL.read(raw)
    heads = raw.select("raw_row", pl.col("text").str.extract(r"^([^\n]*)\n").fill_null("").alias("\nheader"))
    fields = table.fields.join(heads, on="raw_row", how="left", maintain_order="left")
    return _MAKING.parsed(fields, moment("time", zone=zone_of(raw)), want, bad=table.bad, rest=table.rest)


PARSER = Parser(
    name="vms",
    log_sources=(_MILESTONE, _GENETEC),
    signature=Signature(
        pattern=rf"{_HEAD}|{_LINE}",
        rank=20,
        any_of=(
            '^\ufeff?"?(?:[Ll][Oo]|[Hh][EeOo]|[Uu][Tt]|[Tt][Ii]|[Dd][Aa]|[Ii][Nn])',
            '^"?(?:[0-9]{2}/[0-9]{2}/[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2})[ T][0-9:.,]+(?: [AP]M)?"?[;,\t]',
        ),
    ),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared("*"),
    parse=_parse,
    required=("message",),
    assembly=Header(pattern=_HEAD),
)
