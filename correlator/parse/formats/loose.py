"""Records of products without a public field reference: JSON, CEF or ``key=value`` behind a syslog header, told line by line.

Names are compared without case, accents, blanks and ``_-.``, in English and in French, with a table of what products call the
same thing. What happened is put into one neutral vocabulary by its words. It is a beginning: the first real lines decide.
"""

from dataclasses import dataclass, field
from functools import cache
from unicodedata import combining, normalize

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Parsed, Reason, Signature, rejects_of
from correlator.parse.formats import cef, json, keyvalue
from correlator.parse.formats.making import Making
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.formats.unwrap import OPENING, tagged, unwrap
from correlator.parse.formats.values import account, account_domain, address, integer, nanoseconds, words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["Loose"]

#: Our name → what products call it.
_SYNONYMS = {
    "time": "time ts timestamp @timestamp date datetime eventtime occurred created horodatage dateheure rt start",
    "user": "user username userid login account suser usr actor principal utilisateur identifiant operateur agent "
    "compteprimaire",
    "source": "srcip src clientip client remoteaddr sourceip ip ipaddress sourceaddress requestip adresseip ipsource "
    "ipclient remoteip",
    "target": "target dst dest destination targetip targethost server host device resource cible serveur machine "
    "equipement dhost",
    "port": "port dport dpt targetport dstport",
    "account": "targetaccount targetuser account2 duser compte comptecible remoteuser privilegedaccount secondaryaccount",
    "protocol": "protocol proto service app application protocole type",
    "action": "action act event eventtype eventname operation activity evenement typeevenement actioneffectuee name",
    "result": "result outcome status success resultat statut etat",
    "reason": "reason cause error motif raison erreur",
    "session": "session sessionid sid idsession",
    "duration": "duration duree elapsed",
    "command": "command cmd commandline commande",
    "file": "file filename fname path fichier chemin",
    "item": "secret password passwordname item entry object resourcename secretname motdepasse coffre vault category "
    "element title",
    "message": "message msg text description detail details libelle",
}
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S",
    "%b %d %Y %H:%M:%S",
)  # fmt: skip
#: Neutral action → words that say it, in the order they are asked.
_ACTIONS = {
    "secret_export": r"export|download|télécharg|exporté",
    "secret_share": r"\bshar(?:e|ed|ing)\b|partag",
    "admin_change": r"\b(?:add|creat|delet|remov|edit|modif|updat|chang|grant|revok|enabl|disabl|import|renam|ajout|cré|"
    r"supprim|modif|"
    r"activ|désactiv)\w*",
    "secret_read": r"(?:password|secret|mot de passe|credential|entry|item).{0,24}(?:view|read|show|reveal|cop(?:y|ied)|"
    r"consult|affich|"
    r"checkout|retriev|access)|(?:view|read|show|reveal|copy|consult|affich|checkout|retriev)\w*.{0,24}(?:password|secret|"
    r"mot de passe)",
    "bastion_session_end": r"(?:session|connection|connexion|accès|access).{0,24}(?:end|clos|stop|terminat|disconnect|fin|"
    r"fermé|ferm)|"
    r"disconnect|déconnexion de session",
    "bastion_command": r"\bcommand|commande",
    "bastion_file_transfer": r"\bfile|fichier|transfer|sftp|scp",
    "bastion_session_start": r"(?:session|target|remote|application).{0,24}(?:start|open|establish|launch|connect|début|"
    r"ouvert|ouverture)|"
    r"(?:start|open|establish|launch)\w*.{0,16}session",
    "bastion_logout": r"log ?(?:out|off)|sign(?:ed)? ?out|déconnexion|deconnexion|déconnect",
    "bastion_login": r"log(?:ged)? ?(?:in|on)\b|sign(?:ed)?[ -]?in|authent|connexion|connect|2fa|otp|mfa",
}
_CATEGORIES = {
    "secret_export": "iam", "secret_share": "iam", "secret_read": "iam", "admin_change": "configuration",
    "bastion_session_end": "session", "bastion_session_start": "session", "bastion_command": "process",
    "bastion_file_transfer": "file", "bastion_login": "authentication", "bastion_logout": "authentication",
}  # fmt: skip
_TYPES = {
    "secret_export": "access", "secret_share": "change", "secret_read": "access", "admin_change": "change",
    "bastion_session_end": "end", "bastion_session_start": "start", "bastion_login": "start", "bastion_logout": "end",
}  # fmt: skip
_FAILED = (
    r"(?i)fail|refus|den(?:y|ied)|error|invalid|reject|échec|echec|échou|erreur|interdit|bloqu|block|incorrect|unauthor|"
    r"^ko$|^false$|^0$"
)
_DONE = r"(?i)succ|\bok\b|accept|allow|grant|réussi|reussi|autoris|^true$|^1$|^success"


@dataclass(slots=True)
class Loose:
    """How one such product is recognised and what is said of its events.

    ``tags``: regex of its syslog tags. ``marks``: names of vendor or product as CEF and JSON bear them. ``texts``: plain texts
    of which each of its records holds one.
    """

    name: str
    vendor: str
    product: str
    kind: str
    service: str
    tags: str
    marks: tuple[str, ...]
    texts: tuple[str, ...]
    log_sources: tuple[LogSource, ...] = field(init=False)
    making: Making = field(init=False)

    def __post_init__(self) -> None:
        """Say what the fields of its records mean."""
        self.log_sources = (LogSource(self.name, "", self.service),)
        self.making = Making(
            dataset=f"{self.name}.{self.service}",
            log_sources=self.log_sources,
            ecs=_ecs(self.vendor, self.product, self.kind),
            words=("action", "result", "protocol"),
        )

    @property
    def signature(self) -> Signature:
        """Return how its records are told from others: by the syslog tag, by CEF's vendor, by a member of the JSON."""
        named = "|".join(self.marks)
        member = r'"(?:vendor|product|source|app|application|device_?[vV]endor|logger)"\s*:\s*"'
        of_json = rf"{OPENING}\{{[^{{}}]*?{member}(?:{named})"
        pattern = rf"{tagged(self.tags, bare=False)}|{OPENING}CEF:\s?[01]\|(?:{named})[^|]*\||{of_json}"
        return Signature(pattern=pattern, rank=18, any_text=self.texts)

    def read(self, raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
        """Return one event per line that holds a text behind its header."""
        return _parsed(raw, want, self.making)


def _parsed(raw: pl.DataFrame, want: frozenset[str] | None, making: Making) -> Parsed:
    """Return one event per line that holds a text behind its header."""
    lines = unwrap(raw)
    body = lines.get_column("body").str.strip_chars("\ufeff \t\r\n")
    given = _given(body)
    ours = _ours(given)
    fields = pl.concat([lines.select("raw_row", "sender", "sent"), body.alias("body").to_frame(), ours], how="horizontal")
    is_line = ((body != "") & ~body.str.contains(r"^\{[^}]*$")).fill_null(value=False)
    time = fields.select(_time(zone_of(raw), raw.get_column("received")).alias("time")).to_series()
    good = fields.with_columns(time).filter(is_line)
    bad = rejects_of(raw.filter(~is_line), Reason.MALFORMED)
    return making.parsed(good, pl.col("time"), want, bad=bad, rest=given.filter(is_line))


def _given(body: pl.Series) -> pl.DataFrame:
    """Return the product's own fields, row by row, whatever each line is written in."""
    is_json = body.str.starts_with("{").fill_null(value=False)
    is_cef = body.str.contains(r"^CEF:\s?[01]\|").fill_null(value=False)
    frames = [json.flatten(body.set(~is_json, "{}").fill_null("{}")).columns] if is_json.any() else []
    if is_cef.any():
        frames.append(cef.split(body.set(~is_cef, None)))
    if not (is_json | is_cef).all():
        plain = body.str.replace_all(r"([A-Za-zÀ-ÿ_]+)='([^'\"]*)'", '$1="$2"').set(is_json | is_cef, None)
        frames.append(keyvalue.pairs(plain.str.replace_all(r"[;,] ?([A-Za-zÀ-ÿ_]+=)", " $1").str.replace_all("[À-ÿ]+=", "$0")))
    return _together(frames, body.len())


def _together(frames: list[pl.DataFrame], height: int) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {}
    for frame in frames:
        for column in frame.get_columns():
            texts = column.list.join("\n") if isinstance(column.dtype, pl.List) else column.cast(pl.String)
            before = columns.get(column.name)
            columns[column.name] = texts if before is None else before.zip_with(before.is_not_null(), texts)
    return (
        pl.DataFrame(list(columns.values()))
        if columns
        else pl.DataFrame({"": [None] * height}, schema={"": pl.String}).drop("")
    )


@cache
def _plain(name: str) -> str:
    """Return a field's name in small letters, without accents, signs and the object it stands in."""
    letters = "".join(letter for letter in normalize("NFKD", name.rpartition(".")[2]) if not combining(letter))
    return "".join(letter for letter in letters.lower() if letter.isalnum() or letter == "@")


def _ours(given: pl.DataFrame) -> pl.DataFrame:
    """Return one column for each of our names, the first of its synonyms that holds something."""
    known: dict[str, list[str]] = {}
    for column in given.columns:
        known.setdefault(_plain(column), []).append(column)
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, given.height)
    columns = []
    for name, aliases in _SYNONYMS.items():
        there = [column for alias in aliases.split() for column in known.get(alias, ())]
        told = given.select(pl.coalesce(pl.when(pl.col(one) != "").then(pl.col(one)) for one in there)) if there else None
        columns.append(nothing.alias(name) if told is None else told.to_series().alias(name))
    return pl.DataFrame(columns)


def _time(zone: str, received: pl.Series) -> pl.Expr:
    told = pl.coalesce(epoch(pl.col("time")), to_utc(pl.col("time"), _LAYOUTS, zone=zone))
    absent = pl.col("sender").is_null() & pl.col("time").is_null()
    return pl.coalesce(told, "sent", pl.when(absent).then(pl.lit(received)))


def _told() -> pl.Expr:
    return pl.concat_str("action", "message", pl.when(pl.col("action").is_null() & pl.col("message").is_null()).then("body"),
                         separator=" ", ignore_nulls=True).str.to_lowercase()  # fmt: skip


def _action() -> pl.Expr:
    """Return the neutral action: by the action's own words first, then by those of the message."""
    found: pl.Expr = pl.lit(None, pl.String)
    for action, pattern in reversed(_ACTIONS.items()):
        found = pl.when(_told().str.replace_all("_", " ").str.contains(pattern)).then(pl.lit(action)).otherwise(found)
    return found


def _outcome() -> pl.Expr:
    """Return success or failure: by the result, else by the words of the action and of the message."""
    result, told = words(pl.col("result")), _told()
    by_result = pl.when(result.str.contains(_FAILED)).then(pl.lit("failure")).when(result.str.contains(_DONE))
    by_words = pl.when(told.str.contains(_FAILED)).then(pl.lit("failure")).when(told.str.contains(_DONE))
    return pl.coalesce(by_result.then(pl.lit("success")), by_words.then(pl.lit("success")))


def _ecs(vendor: str, product: str, kind: str) -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    action = _action()
    return {
        "event.kind": pl.lit("event"),
        "event.category": pl.concat_list(action.replace_strict(_CATEGORIES, default="host", return_dtype=pl.String)),
        "event.type": pl.concat_list(action.replace_strict(_TYPES, default="info", return_dtype=pl.String)),
        "event.action": pl.coalesce(action, words(pl.col("action")), pl.lit("message")),
        "event.outcome": _outcome(),
        "event.reason": words(pl.col("reason")),
        "event.severity": pl.when(_outcome() == "failure").then(pl.lit(50, pl.Int64)).otherwise(pl.lit(10, pl.Int64)),
        "event.duration": nanoseconds(pl.col("duration")),
        "host.name": pl.col("sender"),
        "observer.name": pl.col("sender"),
        "observer.vendor": pl.lit(vendor),
        "observer.product": pl.lit(product),
        "observer.type": pl.lit(kind),
        "user.name": account(pl.col("user")),
        "user.domain": account_domain(pl.col("user")),
        "user.target.name": account(pl.col("account")),
        "source.ip": address(pl.col("source").str.replace(r"^([0-9.]+):[0-9]+$", "$1")),
        "destination.ip": address(pl.col("target").str.replace(r"^([0-9.]+):[0-9]+$", "$1")),
        "destination.domain": pl.when(address(pl.col("target")).is_null()).then(words(pl.col("target"))),
        "destination.port": integer(pl.col("port"), above=0),
        "network.protocol": pl.col("protocol")
        .str.to_lowercase()
        .str.extract(r"\b(ssh|rdp|vnc|https?|sftp|scp|telnet|ica|pcoip)\b"),
        "session.id": words(pl.col("session")),
        "process.command_line": words(pl.col("command")),
        "file.path": words(pl.col("file")),
        "resource.name": words(pl.col("item")),
        "message": words(pl.coalesce("message", "body")),
        "tags": pl.when(action.is_null()).then(pl.lit([UNKNOWN])),
    }
