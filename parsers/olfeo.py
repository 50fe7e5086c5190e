r"""Olfeo web filter (on-premises 6.x and SaaS): requests with category, rule and verdict. No public field reference.

To send: Olfeo console → Paramétrage → Supervision / SIEM: export of the traffic log by syslog, with ``olfeo`` as the name of
the application; where Olfeo is coupled with Squid, Squid's own access log. Declare the source in ``tocsin.toml`` (``parser =
"olfeo"``) where nothing in the lines names the product.

Reference: Olfeo "Guide utilisateur" 6.x, integration chapters. Written from what web filters of this kind export; the first
real lines decide. Read, line by line: Squid's native and combined formats; JSON objects; ``key=value``; CSV with ``;`` under a
header line that begins with the date. Names count without case, accents and signs, in French or English (``utilisateur``,
``Catégorie``, ``adresse IP``, ``règle``, ``verdict`` …); other fields stay in the record only.

Four forms are tried on each line: some 70,000 lines per CPU-second.

``rule.category`` is the category of the site, ``rule.name`` the rule, ``event.action`` the verdict as it came. A page that asks
for a confirmation or counts against a quota is neither allowed nor denied. What an antivirus found feeds ``antivirus`` too.
"""

from unicodedata import combining, normalize

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import csv, json
from correlator.parse.formats.fields import columns, first
from correlator.parse.formats.keyvalue import pairs
from correlator.parse.formats.making import Making
from correlator.parse.formats.proxy import AGAIN, proxy_ecs, proxy_own, with_url
from correlator.parse.formats.squidlog import squid_fields
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_PROXY, _ANTIVIRUS = LogSource("olfeo", "proxy", "access"), LogSource("", "antivirus", "")
_NAMES = {
    "stamp": "dateheure datetime timestamp horodatage eventtime date time start",
    "clock": "heure hour",
    "client": "adresseip ipclient clientip srcip ipsource sourceip src client ip poste",
    "user": "utilisateur user username login identifiant compte suser",
    "group": "groupe group service departement ou",
    "method": "methode method requestmethod httpmethod",
    "url": "url uri requesturl request adresse lien",
    "site": "site domaine domain hostname dhost host",
    "status": "codehttp httpstatus statuscode status code",
    "bytes": "octets bytes taille size volume out",
    "elapsed": "duree elapsed duration",
    "verdict": "verdict action decision resultat statut etat act outcome",
    "category": "categorie category cat sitecategory categories",
    "theme": "theme famille categorygroup",
    "rule": "regle rule politique policy policyname rulename",
    "agent": "useragent navigateur agent",
    "referrer": "referer referrer",
    "threat": "virus menace threat malware virusname",
    "mime": "mime mimetype contenttype typemime",
    "gateway": "passerelle gateway equipement device dvchost",
    "peer": "ipserveur serverip dstip ipdestination dst",
}
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
_DENIED = "bloque|block|refus|deni|deny|interdi|forbid|reject|drop"
_ALLOWED = "autoris|allow|accept|pass|permi|ok"
_PAIR = r'[A-Za-z_][A-Za-z0-9_.-]*="?[^=]*[A-Za-z_][A-Za-z0-9_.-]*='
_HEADER = r'(?i)^\x{feff}?"?(?:date|horodatage|timestamp)[^;\n]*;(?:[^;\n]*;)*"?(?:url|site|domaine)"?(?:;[^;\n]*)*\s*$'
_SQUID = ("epoch", "hierarchy", "result")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per request; a line of no form is malformed."""
    heads = raw.with_columns(text=pl.col("text").str.extract(r"^[^\n]*\n((?s:.*))$").fill_null(pl.col("text")))
    lines = unwrap(heads).join(raw.select("raw_row", "received", whole="text"), on="raw_row", how="left", maintain_order="left")
    body = lines.get_column("body")
    squid = squid_fields(body)
    forms = {"squid": squid.get_column("status").is_not_null(), "json": body.str.contains(r"^\s*\{")}
    forms["pairs"] = body.str.contains(_PAIR)
    forms["csv"] = lines.get_column("whole").str.contains("\n", literal=True)
    chosen = pl.select(pl.coalesce(pl.when(is_it).then(pl.lit(form)) for form, is_it in forms.items()).alias("form"))
    whole = lines.with_columns(chosen.to_series())
    said = [_squid(lines.select("raw_row", "sender", "sent", "received").hstack(squid).filter(chosen.to_series() == "squid"))]
    said += [_named(whole.filter(pl.col("form") == form), form) for form in ("json", "pairs", "csv")]
    fields = pl.concat(said, how="diagonal").sort("raw_row")
    is_read = fields.get_column("client").is_not_null() | fields.get_column("url").is_not_null()
    bad = whole.join(fields.filter(is_read).select("raw_row"), on="raw_row", how="anti")
    return _MAKING.parsed(with_url(fields.filter(is_read)), _time(zone_of(raw)), want, bad=rejects_of(bad, Reason.MALFORMED))


def _squid(lines: pl.DataFrame) -> pl.DataFrame:
    user = pl.col("user").str.replace_many(["%20", "%5C", "%5c"], [" ", "\\", "\\"])
    absent = [pl.lit(None, pl.String).alias(name) for name in _NAMES if name not in lines.columns]
    return lines.with_columns(absent).with_columns(verdict=pl.col("result"), user=user)


def _named(lines: pl.DataFrame, form: str) -> pl.DataFrame:
    """Return ``lines`` with their fields under the names of ``_NAMES``."""
    body = lines.get_column("body")
    if form == "json":
        given = json.flatten(body).columns
    elif form == "pairs":
        given = pairs(body)
    else:
        given = csv.read(lines.get_column("whole"), separator=";").drop(csv.FIELD_COUNT)
    plain = _respelt(given)
    known = columns(lines.select("raw_row").hstack(plain), [first(plain, *_NAMES[name].split()).alias(name) for name in _NAMES])
    kept = lines.select("raw_row", "sender", "sent", "received").hstack(known)
    full = (
        pl.when(~pl.col("url").str.contains("^/") | pl.col("site").is_null())
        .then("url")
        .otherwise(pl.col("site") + pl.col("url"))
    )
    stamp = (
        pl.when(pl.col("stamp").str.contains(":", literal=True))
        .then("stamp")
        .otherwise(pl.concat_str("stamp", "clock", separator=" "))
    )
    return kept.with_columns(url=pl.coalesce(full, "site"), stamp=pl.coalesce(stamp, "stamp"))


def _respelt(given: pl.DataFrame) -> pl.DataFrame:
    """Return the columns with names in lower case, without accents and signs; the first of two that become equal."""
    spelt: dict[str, pl.Series] = {}
    for column in given.get_columns():
        letters = (letter for letter in normalize("NFKD", column.name) if not combining(letter))
        spelt.setdefault("".join(letter for letter in letters if letter.isalnum()).lower(), column)
    return pl.DataFrame([column.alias(name) for name, column in spelt.items()])


def _time(zone: str) -> pl.Expr:
    unix = epoch(pl.coalesce("epoch", "stamp"))
    written = pl.coalesce(unix, to_utc(pl.col("stamp"), (*_LAYOUTS, "%d/%b/%Y:%H:%M:%S %z"), zone=zone))
    is_silent = pl.col("stamp").is_null() & pl.col("epoch").is_null()
    return pl.when(is_silent).then(pl.coalesce("sent", "received")).otherwise(written)


def _verdict() -> pl.Expr:
    return pl.col("verdict").str.to_lowercase().str.replace_all("[éè]", "e")


def _is_denied() -> pl.Expr:
    by_squid = pl.col("result").str.contains("DENIED", literal=True) & (pl.col("status") != "407")
    return (by_squid | _verdict().str.contains(_DENIED)).fill_null(value=False)


def _types() -> pl.Expr:
    is_allowed = _verdict().str.contains(_ALLOWED) | pl.col("result").is_not_null()
    allowed = pl.when(is_allowed).then(pl.lit(["access", "allowed"])).otherwise(pl.lit(["access"]))
    return (
        pl.when(pl.col("status") == "407")
        .then(pl.lit(["access"]))
        .when(_is_denied())
        .then(pl.lit(["access", "denied"]))
        .otherwise(allowed)
    )


def _outcome() -> pl.Expr:
    is_failure = _is_denied() | pl.col("status").str.contains("^[045]").fill_null(value=False)
    is_said = pl.col("verdict").is_not_null() | pl.col("status").is_not_null()
    return pl.when(is_failure).then(pl.lit("failure")).when(is_said).then(pl.lit("success"))


def _log_sources() -> pl.Expr:
    is_threat = words(pl.col("threat")).is_not_null()
    both, one = logsource_column(_PROXY, _ANTIVIRUS), logsource_column(_PROXY)
    return pl.when(is_threat).then(pl.lit(both)).otherwise(pl.lit(one))


_MAKING = Making(
    dataset="olfeo.access",
    log_sources=_log_sources(),
    ecs={
        **proxy_ecs(_is_denied(), user=pl.col("user")),
        "event.type": _types(),
        "event.outcome": _outcome(),
        "event.action": words(pl.col("verdict")),
        "group.name": words(pl.col("group")),
        "observer.name": words(pl.coalesce("gateway", "sender")),
        "observer.vendor": pl.lit("Olfeo"),
        "observer.product": pl.lit("Olfeo"),
        "rule.category": words(pl.coalesce("category", "theme")),
        "rule.name": words(pl.col("rule")),
        "threat.indicator.name": words(pl.col("threat")),
    },
    own={
        **proxy_own(),
        "theme": words(pl.col("theme")),
        "mime": words(pl.col("mime")),
        "Signature": words(pl.col("threat")),
        "Filename": pl.when(words(pl.col("threat")).is_not_null()).then("url"),
        "Action": pl.when(words(pl.col("threat")).is_not_null()).then("verdict"),
    },
    words=("verdict", "status", "result", "category", "rule"),
    again=AGAIN,
    empty=("c-useragent", "cs-referrer"),
)

PARSER = Parser(
    name="olfeo",
    log_sources=(_PROXY, _ANTIVIRUS),
    signature=Signature(
        pattern=rf'{header("[Oo]lfeo[A-Za-z0-9_-]*")}|{header()}\{{[^{{]*"(?:product|vendor|source|application)"\s*:\s*"[Oo]lfeo',
        rank=10,
        any_of=("[Oo]lfeo",),
        any_text=("olfeo", "Olfeo"),
    ),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("source.address",),
    assembly=Header(_HEADER),
)
