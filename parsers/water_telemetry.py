"""Telemetry of water, sewage and heating: the journals that supervisors and front ends (SOFREL, Topkapi, PcVue) export as CSV.

How to send it here: schedule the export of the journal of events and alarms (``;``, one line an event, every minute or so)
into a folder, and a ``file`` source on it. UTF-8 or Windows-1252, French dates, decimal commas, milliseconds in the hour or in
a column of their own. A header names the columns (``Date;Heure;Station;Repère;Libellé;Etat;Valeur;Unité;Priorité;Opérateur;
Commentaire`` in any order, and other words for them); without a header they stand in this order. Vendors' own layouts are
unproved.

``state``: ``APP`` appears, ``DIS`` disappears, ``ACQ`` acknowledged, ``MASK`` masked, ``CMD`` command or set point, ``MES``
measure; French and English words become these. Values get a decimal point. A line about a session (*Connexion*, *Login*) also
feeds ``product: ot``, ``service: console`` with ``event.action: login``. A line said again after a reconnection counts twice.

Sigma: ``product: ot``, ``service: telemetry`` (``station``, ``point``, ``state``, ``value``, ``unit``, ``comment``,
``user.name``).

Speed: about 130,000 lines per CPU-second, not 300,000: words in two languages become those of the schema, numbers points.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Signature
from correlator.parse.formats.making import Making
from correlator.parse.formats.tables import TableOf, moment
from correlator.parse.formats.values import account, account_domain, address, words
from correlator.parse.times import zone_of

__all__ = ["PARSER"]

_TELEMETRY, _CONSOLE = LogSource("ot", "", "telemetry"), LogSource("ot", "", "console")
_HEAD = (
    r'^(?i:\x{feff}?"?(?:date|horodatage|jour|timestamp)[^;]*(?:;[^;]*)*;"?(?:station|site|poste|ouvrage|installation)"?;'
    r'(?:[^;]*;)*?"?(?:rep[eè]re|mn[eé]monique|tag|variable|point|voie|information)"?;.*"?(?:[eé]tat|valeur|state|value|statut)"?.*)$'
)
_LINE = (
    r"^[0-9]{2}/[0-9]{2}/[0-9]{2,4};[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,6})?)?;[^;]+;[^;]+;[^;]*;"
    r'(?i:"?(?:APP|DIS|ACQ|MASK|CMD|MES|apparition|disparition|acquit[a-z]*|masquage|(?:t[eé]l[eé])?commande|consigne|mesure)"?);'
)
_JOURNAL = TableOf(
    {
        "date": "horodatage date_heure date_evenement date_time datetime timestamp jour",
        "hour": "heure time",
        "millis": "ms milliseconde millisecondes msec",
        "station": "site poste installation ouvrage equipement local",
        "point": "repere mnemonique tag variable code adresse_variable nom_variable voie information",
        "label": "libelle designation description texte message evenement",
        "state": "etat statut status evt type_evenement type action",
        "value": "valeur mesure",
        "unit": "unite",
        "priority": "priorite gravite niveau classe",
        "operator": "operateur utilisateur user agent login",
        "comment": "commentaire remarque note",
        "address": "adresse_ip ip poste_operateur",
    },
    usual=("date", "hour", "station", "point", "label", "state", "value", "unit", "priority", "operator", "comment"),
    line=_LINE,
)
_STATES = {
    **dict.fromkeys(
        ("app", "apparition", "apparu", "on", "active", "actif", "alarme", "alarm", "raised", "defaut", "debut"), "APP"
    ),
    **dict.fromkeys(("dis", "disparition", "disparu", "off", "cleared", "fin", "inactif", "retour", "normal", "rtn"), "DIS"),
    **dict.fromkeys(("acq", "ack", "acquit", "acquitte", "acquittement", "acknowledged", "acquitted"), "ACQ"),
    **dict.fromkeys(("mask", "masque", "masquage", "inhibe", "inhibition", "masked", "shelved"), "MASK"),
    **dict.fromkeys(("cmd", "commande", "telecommande", "tc", "tr", "consigne", "telereglage", "command", "ordre"), "CMD"),
    **dict.fromkeys(("mes", "mesure", "tm", "measure", "val", "valeur", "ana"), "MES"),
}
_ACTIONS = {
    "APP": "alarm_active",
    "DIS": "alarm_cleared",
    "ACQ": "alarm_ack",
    "MASK": "alarm_masked",
    "CMD": "command",
    "MES": "measure",
}
_SEVERITIES = {
    "1": 75,
    "2": 50,
    "3": 25,
    "4": 10,
    "haute": 75,
    "moyenne": 50,
    "basse": 25,
    "critique": 95,
    "high": 75,
    "medium": 50,
    "low": 25,
}
_IN = r"(?i)\b(?:connexion|login|log ?on|ouverture de session|logged in)\b"
_OUT = r"(?i)\b(?:d[ée]connexion|logout|log ?off|fermeture de session)\b"
_FAILED = r"(?i)[ée]chec|refus|invalide|failed|denied|erron"

_word = pl.col("state").str.to_lowercase().str.replace_all("[éèê]", "e").str.strip_chars()
_state = pl.coalesce(
    _word.replace_strict(_STATES, default=None, return_dtype=pl.String), pl.col("state"),
    pl.when(pl.col("value").is_not_null()).then(pl.lit("MES")),
)  # fmt: skip
_number = pl.col("value").str.replace_all(r"[\s\x{a0}\x{202f}]", "")
_value = pl.when(_number.str.contains(r"^-?[0-9]+(?:,[0-9]+)?$")).then(_number.str.replace(",", ".")).otherwise("value")
_about = pl.concat_str("label", "point", separator=" ", ignore_nulls=True)
_is_out, _is_in = _about.str.contains(_OUT), _about.str.contains(_IN)
_session = pl.when(_is_out).then(pl.lit("logout")).when(_is_in).then(pl.lit("login"))
_is_failed = pl.concat_str("label", "state", "comment", separator=" ", ignore_nulls=True).str.contains(_FAILED)
_action = pl.coalesce(_session, _state.replace_strict(_ACTIONS, default=None, return_dtype=pl.String), pl.lit("state_change"))

_MAKING = Making(
    dataset="water_telemetry.journal",
    log_sources=pl.when(_session.is_null())
    .then(pl.lit(str(_TELEMETRY)))
    .otherwise(pl.lit(logsource_column(_TELEMETRY, _CONSOLE))),
    words=("state", "priority", "unit"),
    ecs={
        "event.kind": pl.when(_action == "alarm_active").then(pl.lit("alert"))
        .when(_action == "measure").then(pl.lit("metric")).otherwise(pl.lit("event")),
        "event.category": pl.when(_session.is_not_null()).then(pl.lit(["authentication"]))
        .when(_action == "command").then(pl.lit(["configuration"])).otherwise(pl.lit(["host"])),
        "event.type": pl.when(_action.is_in(["command", "alarm_masked"])).then(pl.lit(["change"])).otherwise(pl.lit(["info"])),
        "event.action": _action,
        "event.outcome": pl.when(_session.is_not_null() & _is_failed).then(pl.lit("failure"))
        .when(_session.is_not_null()).then(pl.lit("success")),
        "event.code": pl.col("point"),
        "event.severity": pl.when(_action == "alarm_active").then(
            pl.col("priority").str.to_lowercase().replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64)
        ),
        "message": pl.concat_str("label", _state, _value, "unit", separator=" ", ignore_nulls=True),
        "device.id": pl.concat_str("station", "point", separator="/", ignore_nulls=True),
        "device.name": pl.col("station"),
        "user.name": account(words(pl.col("operator"))),
        "user.domain": account_domain(pl.col("operator")),
        "source.ip": address(pl.col("address")),
    },
    own={
        "station": pl.col("station"),
        "point": pl.col("point"),
        "label": pl.col("label"),
        "state": _state,
        "value": _value,
        "unit": pl.col("unit"),
        "priority": pl.col("priority"),
        "comment": pl.col("comment"),
        "equipment.id": pl.col("station"),
        "equipment.type": pl.lit("telemetry_station"),
    },
)  # fmt: skip


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the journal."""
    table = _JOURNAL.read(raw)
    millis = (
        pl.when(pl.col("millis").str.contains("^[0-9]{1,3}$")).then("." + pl.col("millis").str.pad_start(3, "0")).fill_null("")
    )
    fields = table.fields.with_columns(hour=pl.coalesce(pl.col("hour") + millis, "hour"))
    return _MAKING.parsed(fields, moment("date", "hour", zone=zone_of(raw)), want, bad=table.bad, rest=table.rest)


PARSER = Parser(
    name="water_telemetry",
    log_sources=(_TELEMETRY, _CONSOLE),
    signature=Signature(
        pattern=rf"{_HEAD}|{_LINE}",
        rank=20,
        any_text=(";",),
        any_of=('^\ufeff?"?(?:[Dd][Aa]|[Hh][Oo]|[Jj][Oo]|[Tt][Ii])', "^[0-9]{2}/[0-9]{2}/[0-9]{2,4};"),
    ),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared("*"),
    parse=_parse,
    required=("device.name",),
    assembly=Header(pattern=_HEAD),
)
