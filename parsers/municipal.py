"""Municipal business software: civil registry, elections, finance, human resources, childcare, planning, social action.

One documented schema, two carriers: JSON lines, or CSV with ``;`` and a header line; docs/municipal-logs.md tells a vendor how
to write and to send it. Required: ``time``, ``id``, ``app``, ``commune`` (INSEE code as text), ``user``, ``action``,
``object_type``, ``result``. Optional: ``user_role``, ``object_id``, ``object_count``, ``reason``, ``ip``, ``host``,
``session``, ``before``, ``after``, ``amount``, ``currency``, ``sensitivity``, ``message``. Other fields are kept as
``app.<field>``.

French headers are understood, with or without accents (``horodatage``, ``utilisateur``, ``opération``, ``code_insee``,
``résultat``, ``adresse_ip``, ``poste``, ``dossier`` …), so are French dates (``22/11/2026 10:15:30``, in the source's zone, or
date and hour in two columns), decimal commas, French results and actions (``connexion``, ``consultation``, ``extraction`` …:
``action`` becomes the schema's word), and a quoted value with line breaks. ``app`` is in lower case without accents, with ``-``
for blanks. An INSEE code whose first zero a spreadsheet took gets it back. The record's own field ``commune`` becomes
``organization.id``: which commune an event belongs to is decided by the estate, not by its sender.

Sigma: ``product: municipal``, ``category: application``, ``service: <app>``; fields are the schema's names.

Speed: about 100,000 lines per CPU-second, not 300,000: headers, words and hours are read in the many ways they are written.
"""

from unicodedata import combining, normalize

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import csv, json
from correlator.parse.formats.fields import at_address, columns, first, kept, outcome
from correlator.parse.formats.records import START
from correlator.parse.formats.values import by_dataset
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_APPS = "etat-civil elections finances rh enfance urbanisme social bibliotheque cimetiere pm"
_SCHEMA = (
    "time id app commune user user_role action object_type object_id object_count result reason ip host session before after "
    "amount currency sensitivity message"
)
_SYNONYMS = {
    "time": "date horodatage date_heure date_evenement",
    "id": "id_evenement identifiant_evenement",
    "app": "application logiciel",
    "user": "utilisateur agent login",
    "user_role": "role profil",
    "action": "operation evenement type_action",
    "commune": "code_insee insee collectivite",
    "object_type": "type_objet",
    "object_id": "objet dossier numero",
    "object_count": "nombre nb_objets",
    "result": "resultat statut",
    "reason": "motif",
    "ip": "adresse_ip",
    "host": "poste",
    "before": "avant",
    "after": "apres",
    "amount": "montant",
    "currency": "devise",
    "sensitivity": "sensibilite",
    "message": "commentaire libelle",
    "hour": "heure",
}
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M",
    "%d/%m/%Y %H:%M:%S%.f", "%d/%m/%Y %H:%M", "%d/%m/%Y %Hh%M", "%d-%m-%Y %H:%M:%S", "%d/%m/%y %H:%M:%S", "%d/%m/%y %H:%M",
)  # fmt: skip
_ACTIONS = {
    **dict.fromkeys(("connexion", "ouverture de session", "authentification"), "login"),
    **dict.fromkeys(("deconnexion", "fermeture de session"), "logout"),
    **dict.fromkeys(("creation", "creer", "ajout", "saisie"), "create"),
    **dict.fromkeys(("consultation", "lecture", "consulter", "affichage", "visualisation"), "read"),
    **dict.fromkeys(("modification", "modifier", "mise a jour", "maj"), "update"),
    **dict.fromkeys(("suppression", "supprimer"), "delete"),
    **dict.fromkeys(("validation", "valider", "visa"), "validate"),
    **dict.fromkeys(("signature", "signer"), "sign"),
    **dict.fromkeys(("envoi", "envoyer", "transmission", "teletransmission"), "send"),
    **dict.fromkeys(("exportation", "extraction", "exporter", "telechargement"), "export"),
    **dict.fromkeys(("importation", "importer", "integration"), "import"),
    **dict.fromkeys(("impression", "edition", "imprimer"), "print"),
    **dict.fromkeys(("recherche", "rechercher", "interrogation"), "search"),
    **dict.fromkeys(("habilitation", "attribution", "attribution de droits"), "grant"),
    **dict.fromkeys(("retrait", "revocation", "retrait de droits"), "revoke"),
    **dict.fromkeys(("parametrage", "configuration", "parametrer"), "configure"),
    **dict.fromkeys(("epuration", "purger"), "purge"),
}
_FRENCH_RESULTS = {
    "succès": "success", "succes": "success", "réussi": "success", "reussi": "success", "échec": "failure", "echec": "failure",
    "refusé": "failure", "refuse": "failure", "refus": "failure", "erreur": "failure", "partiel": "partial",
}  # fmt: skip
_CATEGORIES = {
    "login": ["authentication"],
    "logout": ["authentication"],
    "grant": ["iam"],
    "revoke": ["iam"],
    "configure": ["configuration"],
}
_ECS = (
    "event.action event.category event.kind event.outcome event.reason user.name user.roles organization.id service.name "
    "resource.type resource.id source.ip host.name session.id finance.amount message"
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per business action."""
    is_json = raw.get_column("text").str.contains(r"^\ufeff?\s*[{\[]")
    from_json = json.read(raw.filter(is_json), None)
    lines = raw.filter(~is_json)
    table = csv.read(lines.get_column("text"), separator=";")
    whole = table.select(
        pl.col(csv.FIELD_COUNT) == lines.get_column("text").str.extract(r"^([^\n]*)\n").str.count_matches(";") + 1
    )
    good = whole.to_series().fill_null(value=False)
    keys = lines.filter(good).select("raw_row", "received", n=pl.lit(0, dtype=pl.UInt16))
    frames = [
        *_events(from_json.keys, from_json.fields, raw, want),
        *_events(keys, table.filter(good).drop(csv.FIELD_COUNT), raw, want),
    ]
    rejects = pl.concat([from_json.rejects, rejects_of(lines.filter(~good), Reason.MALFORMED)])
    return Parsed(tuple(frames), rejects, from_json.skipped)


def _events(
    keys: pl.DataFrame, fields: pl.DataFrame, raw: pl.DataFrame, want: frozenset[str] | None
) -> tuple[pl.DataFrame, ...]:
    if keys.is_empty():
        return ()
    named = _named(fields)
    own = [column for column in kept(named, want) if column.meta.output_name() != "commune"]
    chosen = columns(named, _common(zone_of(raw)) + own)
    return by_dataset(keys.select("raw_row", "n").hstack(chosen))


def _named(fields: pl.DataFrame) -> pl.DataFrame:
    """Return the fields under the schema's names, empty texts as null; what it does not know comes as ``app.<field>``."""
    spellings = {name: (name, *_SYNONYMS.get(name, "").split()) for name in (*_SCHEMA.split(), "hour")}
    lower = fields.rename(_lowered(fields.columns))
    spoken = {spelling for spellings_of in spellings.values() for spelling in spellings_of}
    known = [first(lower, *names).alias(name) for name, names in spellings.items() if name != "hour"]
    known = [_plain_text(column) for column in known]
    known[0] = _with_hour(first(lower, *spellings["time"]), first(lower, *spellings["hour"])).alias("time")
    values = [name for name in lower.columns if name.partition(".")[0] in ("before", "after") and "." in name]
    other = [pl.col(name).alias(f"app.{name}") for name in lower.columns if name not in spoken and name not in values]
    return columns(lower, [*known, *(pl.col(name) for name in values), *other])


def _with_hour(date: pl.Expr, hour: pl.Expr) -> pl.Expr:
    """Return the time; a date alone is followed by the hour of another column."""
    return (
        pl.when(date.str.contains(":|[0-9]h[0-9]")).then(date).otherwise(pl.concat_str(date, hour.fill_null(""), separator=" "))
    )


def _plain_text(column: pl.Expr) -> pl.Expr:
    """Return a field of the schema in the schema's words."""
    name = column.meta.output_name()
    text = column.str.strip_chars()
    if name == "action":
        return _unaccented(text.str.to_lowercase()).replace(_ACTIONS).alias(name)
    if name == "app":
        return _unaccented(text.str.to_lowercase()).str.replace_all(r"[\s/_]+", "-").alias(name)
    if name == "commune":
        return pl.when(text.str.contains("^[0-9]{4}$")).then("0" + text).otherwise(text).alias(name)
    return text.str.replace_all(r"[\s\u{a0}\u{202f}]", "").alias(name) if name == "object_count" else column


def _unaccented(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(list("éèêëàâäôöûüùîïç"), list("eeeeaaaoouuuiic"))


def _lowered(names: list[str]) -> dict[str, str]:
    """Return the new name of each column: lower case, no accents, blanks as ``_``; a name already taken keeps its spelling."""
    taken = set(names)
    renamed = {}
    for name in names:
        plain = "".join(letter for letter in normalize("NFKD", name) if not combining(letter))
        lower = plain.strip().lower().replace(" ", "_")
        if lower != name and lower not in taken:
            taken.add(lower)
            renamed[name] = lower
    return renamed


def _common(zone: str) -> list[pl.Expr]:
    """Return time, dataset, log source and ECS columns."""
    app, action = pl.col("app"), pl.col("action")
    category = action.replace_strict(_CATEGORIES, default=["database"], return_dtype=pl.List(pl.String))
    given = {
        "@timestamp": to_utc(pl.col("time"), _LAYOUTS, zone=zone),
        "event.dataset": pl.lit("municipal.application"),
        "logsource": pl.lit("municipal/application/") + app.fill_null(""),
        "event.kind": pl.lit("event"),
        "event.category": category,
        "event.action": action,
        "event.outcome": outcome(_result()),
        "event.reason": pl.col("reason"),
        "user.name": pl.col("user").str.strip_chars(),
        "user.roles": pl.when(pl.col("user_role").is_not_null()).then(pl.concat_list("user_role")),
        "organization.id": pl.col("commune").str.strip_chars().str.to_uppercase(),
        "service.name": app,
        "resource.type": pl.col("object_type"),
        "resource.id": pl.col("object_id"),
        "source.ip": at_address(pl.col("ip")),
        "host.name": pl.col("host").str.to_lowercase(),
        "session.id": pl.col("session"),
        "finance.amount": pl.col("amount").str.replace_all(r"[\s\u00a0\u202f]", "").str.replace(",", ".", literal=True),
        "message": pl.col("message"),
    }
    return [expression.alias(name) for name, expression in given.items()]


def _result() -> pl.Expr:
    word = pl.col("result").str.strip_chars().str.to_lowercase()
    return word.replace(_FRENCH_RESULTS)


_FIELDS = [name for name in _SCHEMA.split() if name != "commune"]

# The head of a CSV file: words and quotes up to the first semicolon.
_BEGINS = "^\ufeff?[^;{<=./:,()\\[\\]|-]*;"

PARSER = Parser(
    name="municipal",
    log_sources=tuple(LogSource("municipal", "application", app) for app in ("", *_APPS.split())),
    signature=Signature(
        pattern=START + r'(?:"object_type"\s*:[\s\S]*"commune"\s*:\s*"(?:[0-9]|2[AB])'
        r'|"commune"\s*:\s*"(?:[0-9]|2[AB])[\s\S]*"object_type"\s*:)'
        r'|^(?i:\ufeff?(?:"?[\w ]+"?;){2,}"?(?:commune|code[ _]insee|insee|collectivit[eé])"?(?:;"?[\w ]+"?)+\s*$)',
        rank=10,
        any_of=('"object_type"', _BEGINS),
    ),
    maturity=Maturity.DOCUMENTED,
    fields={name: ECS.get(name, pl.String()) for name in (*_ECS.split(), *_FIELDS, "app.*", "before.*", "after.*")},
    parse=_parse,
    required=("time", "id", "app", "organization.id", "user", "action", "object_type", "result"),
    assembly=Header(
        pattern=r'^(?i:\ufeff?(?:"?[\w ]+"?;)+"?(?:commune|code[ _]insee|insee|collectivit[eé])"?(?:;"?[\w ]+"?)*\s*$)',
        quoted=True,
    ),
)
