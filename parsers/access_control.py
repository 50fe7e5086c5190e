"""Access control: journals of badge readers and doors as CSV (Synchronic, TIL, Castel, Vauban and others, any that exports).

How to send it here: schedule the export of passages and alarms (``;``) into a folder, and a ``file`` source on it. UTF-8 or
Windows-1252, French dates. A header names the columns (``Date;Heure;Badge;Porteur;Lecteur;Evénement;Résultat;Site`` in any
order, and other words for them); without a header they stand in this order. Vendors' own layouts are unproved.

Events become ``door_access``, ``door_forced``, ``door_held``, ``tamper`` or ``alarm``; a refusal is a failure with its reason
(badge unknown, outside hours, anti-passback). ``user.id`` is the badge, ``user.full_name`` who bears it: a list of who went
where, keep it no longer than the works council allows.

Sigma: ``product: access_control``, ``service: doors`` (``badge``, ``holder``, ``reader``, ``event``, ``result``, ``site``).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Signature
from correlator.parse.formats.making import Making
from correlator.parse.formats.tables import TableOf, moment
from correlator.parse.formats.values import words
from correlator.parse.times import zone_of

__all__ = ["PARSER"]

_DOORS = LogSource("access_control", "", "doors")
_HEAD = (
    r'^(?i:\x{feff}?"?(?:date|horodatage|jour|timestamp)[^;]*;(?:[^;]*;)*?"?[^;"]{0,16}(?:badge|carte|card)[^;]*"?;'
    r".*(?:lecteur|porte|acc[eè]s|reader|door).*)$"
)
_LINE = (
    r"^[0-9]{2}/[0-9]{2}/[0-9]{2,4};[0-9]{2}:[0-9]{2}(?::[0-9]{2})?;[^;]*;[^;]*;[^;]+;"
    r'(?i:"?(?:acc[eè]s|porte|badge|passage|sabotage|effraction|autoris|refus|door|access|alarme)[^;]*)(?:;|$)'
)
_JOURNAL = TableOf(
    {
        "date": "horodatage date_heure date_time datetime timestamp jour",
        "hour": "heure time",
        "badge": "n_badge no_badge numero_badge numero_de_badge n°_badge carte identifiant card card_number badge_id",
        "holder": "porteur nom usager utilisateur titulaire nom_prenom user name holder",
        "reader": "lecteur porte acces point_d_acces lecteur_porte door point equipement",
        "event": "evenement evt libelle type type_evenement message action",
        "result": "resultat statut etat motif raison cause status reason",
        "site": "batiment commune_site lieu zone",
    },
    usual=("date", "hour", "badge", "holder", "reader", "event", "result", "site"),
    line=_LINE,
)
_said = pl.concat_str("event", "result", separator=" ", ignore_nulls=True).str.to_lowercase()
_is_refused = _said.str.contains(
    r"refus|interdit|invalide|inconnu|hors plage|expir|anti.?(?:passback|retour)|den(?:ied|y)|rejet|non autoris"
)
_is_granted = _said.str.contains(r"autoris|accept|granted|valide|ok\b|passage")
_action = (
    pl.when(_said.str.contains(r"forc[ée]|effraction|forced")).then(pl.lit("door_forced"))
    .when(_said.str.contains(r"trop longtemps|maintenue|held|rest[ée]e? ouverte")).then(pl.lit("door_held"))
    .when(_said.str.contains(r"sabotage|tamper|autoprotection|arrachement")).then(pl.lit("tamper"))
    .when(_said.str.contains(r"alarme|intrusion|contrainte|duress")).then(pl.lit("alarm"))
    .when(_is_refused | _is_granted | _said.str.contains(r"acc[eè]s|access|entr[ée]e|sortie")).then(pl.lit("door_access"))
    .otherwise(pl.lit("state_change"))
)  # fmt: skip
_is_alarm = _action.is_in(["door_forced", "tamper", "alarm"])

_MAKING = Making(
    dataset="access_control.journal",
    log_sources=(_DOORS,),
    words=("event", "result"),
    ecs={
        "event.kind": pl.when(_is_alarm).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_action == "door_access").then(pl.lit(["authentication"])).otherwise(pl.lit(["host"])),
        "event.type": pl.when(_is_refused).then(pl.lit(["denied"])).when(_is_granted).then(pl.lit(["allowed"]))
        .otherwise(pl.lit(["info"])),
        "event.action": _action,
        "event.outcome": pl.when(_is_refused).then(pl.lit("failure")).when(_is_granted).then(pl.lit("success")),
        "event.reason": pl.when(_is_refused).then(pl.coalesce("result", "event")),
        "event.severity": pl.when(_is_alarm).then(pl.lit(75, pl.Int64)).when(_action == "door_held").then(pl.lit(50, pl.Int64)),
        "message": pl.concat_str("event", "result", "reader", "holder", separator=", ", ignore_nulls=True),
        "device.id": words(pl.col("reader")),
        "user.id": words(pl.col("badge")),
        "user.full_name": words(pl.col("holder")),
    },
    own={
        **{name: pl.col(name) for name in ("badge", "holder", "reader", "event", "result", "site")},
        "equipment.id": pl.col("reader"),
        "equipment.type": pl.lit("door"),
    },
)  # fmt: skip


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the journal."""
    table = _JOURNAL.read(raw)
    return _MAKING.parsed(table.fields, moment("date", "hour", zone=zone_of(raw)), want, bad=table.bad, rest=table.rest)


PARSER = Parser(
    name="access_control",
    log_sources=(_DOORS,),
    signature=Signature(
        pattern=rf"{_HEAD}|{_LINE}",
        rank=20,
        any_text=(";",),
        any_of=('^\ufeff?"?(?:[Dd][Aa]|[Hh][Oo]|[Jj][Oo]|[Tt][Ii])', "^[0-9]{2}/[0-9]{2}/[0-9]{2,4};"),
    ),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared("*"),
    parse=_parse,
    required=("device.id", "event.action"),
    assembly=Header(pattern=_HEAD),
)
