r"""Vade (Vade Cloud, Vade for M365; now Hornetsecurity): verdicts on mails, and any mail gateway that writes names like theirs.

The vendor publishes no field-level reference, so nothing here is checked against real records: fields are found by what they
are called, whatever the case and with or without ``_`` and ``-``. Declare the source: ``parser = "vade"``; only records that
name the vendor are recognised by themselves. How to send it here: Vade Cloud: Administration > Export > syslog; Vade for M365:
Settings > SIEM, the email log as JSON to a file or a listener. Reference: "Vade for M365 Administrator Guide".

Read: JSON (nested, in arrays, as a text in another JSON up to two levels, behind a syslog header) and key=value text separated
by blanks or commas. Found by name: message and queue id, date, senders (envelope, header), recipients, subject, client address,
size, attachments, links, verdict, action, threat. ``vade.verdict`` is one of clean, bulk, spam, suspicious, scam, phishing,
spear-phishing, malware; ``event.action`` one of delivered, tagged, moved, quarantined, dropped, rejected, else the word itself.
A malware feeds rules of ``category: antivirus``. All fields also keep their own names.

Speed: every field is read, as which names a record uses is not known before: a tenth of the speed of other JSON.
"""

import re

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature
from correlator.parse.formats import json, keyvalue
from correlator.parse.formats.making import Making
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import address, integer, members, words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_MAIL, _VIRUS = LogSource("vade", "", "mail"), LogSource("vade", "antivirus", "mail")
# What a field means → what it may be called, without case, "_", "-" and "."; most telling first.
_NAMES = {
    "message id": "messageid internetmessageid msgid mid headermessageid",
    "local id": "queueid qid eventid logid mailid uuid id",
    "date": "date timestamp @timestamp datetime time eventtime receivedat receiveddate receptiondate createdat",
    "envelope from": "envelopesender envelopefrom mailfrom smtpfrom returnpath sender senderaddress",
    "header from": "fromheader headerfrom from fromaddress sender",
    "to": "envelopeto rcptto rcpt recipients recipient recipientaddress to toheader",
    "subject": "subject messagesubject title",
    "ip": "clientip senderip sourceip srcip remoteip hostip smtpip ip",
    "host": "hostname server gateway device node",
    "size": "size messagesize mailsize bytes length",
    "file": "attachmentsfilename attachmentsname attachmentname attachments filename file",
    "hash": "attachmentshashessha256 attachmentssha256 attachmentshash sha256 hash",
    "url": "urlsurl links urls url",
    "verdict": "verdict status classification category spamtype threattype filterstatus tag",
    "action": "action actiontaken remediationtype remediation disposition operationtype operation",
    "threat": "virusname malwarename threatname currentthreat signature threat virus malware",
    "user": "username user login account mailbox actor admin",
    "direction": "direction way flow",
    "reason": "reason details actionmessage message overdict",
}
_VERDICTS = {
    "clean": "clean legit legitimate ok none ham safe valid sain",
    "bulk": "bulk newsletter advertising pub commercial community social marketing publicite notification travel",
    "spam": "spam high medium low pourriel",
    "suspicious": "suspicious suspect unknown",
    "scam": "scam fraud ceofraud bec fraude",
    "phishing": "phishing phish hameconnage",
    "spear-phishing": "spearphishing",
    "malware": "malware virus infected ransomware trojan exploit",
}
_ACTIONS = {
    "delivered": "delivered deliver accept accepted nothing none pass passed allowed",
    "tagged": "tagged tag banner prepend subject",
    "moved": "moved move movetojunk junk remediated",
    "quarantined": "quarantined quarantine hold held",
    "dropped": "dropped drop discard discarded delete deleted",
    "rejected": "rejected reject block blocked refuse refused bounce bounced",
}
_PARTS = ("file", "hash", "url")  # what attachments and links say about themselves
_DENIED = ["moved", "quarantined", "dropped", "rejected"]
_THREATS = ["scam", "phishing", "spear-phishing", "malware"]
_LAYOUTS = (
    *("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%dT%H:%M:%S%.f"),
    *("%Y-%m-%d %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S %z"),
)
_ENVELOPES = ("logs", "events", "data", "records", "messages", "result", "items")
_WRAPPED = ("message", "event", "data", "log", "body")
_MAILBOX = r"<?([^<>\s\"',;]+@[^<>\s\"',;]+)>?\s*$"
_SPLIT = r"[\s,;]*[,;][\s,;]*"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9@]", "", name.lower())


def _table(words_of: dict[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, said in words_of.items() for word in said.split()}


def _word(name: str, words_of: dict[str, str]) -> pl.Expr:
    plain = pl.col(name).str.to_lowercase().str.replace_all(r"[^a-z0-9]", "")
    return plain.replace_strict(_table(words_of), default=None, return_dtype=pl.String)


def _mailbox(name: str) -> pl.Expr:
    return words(pl.col(name)).str.extract(_MAILBOX)


_VERDICT = _word("verdict", _VERDICTS)
_DONE = pl.coalesce(_word("action", _ACTIONS), words(pl.col("action")).str.to_lowercase())
_IS_MALWARE = _VERDICT == "malware"
_THREAT = pl.when(_IS_MALWARE).then(pl.coalesce(words(pl.col("threat")), pl.lit("malware")))
_PASSED = _DONE.is_not_null() & ~_DONE.is_in(_DENIED)
_RECIPIENTS = (
    pl.col("to").str.replace_all(r"[\[\]\"]", "").str.replace_all(r"[^,;<]*<([^<>]*)>", "${1}").str.replace_all(_SPLIT, ",")
)
_DIRECTIONS = {"in": "inbound", "incoming": "inbound", "inbound": "inbound"} | {
    "out": "outbound", "outgoing": "outbound", "outbound": "outbound",
}  # fmt: skip
_FILE = words(pl.col("file").str.extract(r"^([^,\[{]+)"))
_MAKING = Making(
    "vade.mail",
    pl.when(_IS_MALWARE).then(pl.lit(logsource_column(_VIRUS))).otherwise(pl.lit(logsource_column(_MAIL))),
    {
        "event.kind": pl.when(_VERDICT.is_in(_THREATS)).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_IS_MALWARE).then(pl.lit(["email", "malware"])).otherwise(pl.lit(["email"])),
        "event.type": pl.when(_DONE.is_in(_DENIED)).then(pl.lit(["denied"])).otherwise(pl.lit(["info"])),
        "event.action": pl.coalesce(_DONE, _VERDICT, words(pl.col("verdict")).str.to_lowercase()),
        "event.outcome": pl.when(_DONE.is_in(_DENIED)).then(pl.lit("failure")).when(_PASSED).then(pl.lit("success")),
        "event.reason": words(pl.coalesce("reason", "verdict")),
        "event.severity": pl.when(_VERDICT.is_in(_THREATS)).then(75).when(_VERDICT == "suspicious").then(50),
        "observer.vendor": pl.lit("Vade"),
        "observer.product": pl.lit("Vade"),
        "observer.type": pl.lit("mail"),
        "host.name": words(pl.coalesce("sent by", "host")),
        "user.name": words(pl.col("user")),
        "source.ip": address(pl.col("ip")),
        "email.sender.address": _mailbox("envelope from"),
        "email.from.address": _mailbox("header from"),
        "email.to.address": members(_RECIPIENTS),
        "email.subject": words(pl.col("subject")),
        "email.message_id": words(pl.col("message id").str.strip_chars("<> ")),
        "email.local_id": words(pl.col("local id")),
        "email.size": integer(pl.col("size")),
        "email.direction": pl.col("direction").str.to_lowercase().replace_strict(_DIRECTIONS, default=None),
        "email.attachments.file.name": _FILE,
        "email.attachments.file.hash.sha256": pl.col("hash").str.to_lowercase().str.extract(r"\b([0-9a-f]{64})\b"),
        "url.original": words(pl.col("url").str.extract(r"(https?://[^\s,\"]+)")),
        "threat.indicator.name": _THREAT,
        "tags": pl.when(pl.col("dated") == "no").then(pl.lit(["time_of_reception"])),
    },
    own={
        "vade.verdict": _VERDICT,
        "Signature": _THREAT,
        "Filename": pl.when(_IS_MALWARE).then(_FILE),
        "Action": pl.when(_IS_MALWARE).then(_DONE),
    },
    words=("dated",),
)  # fmt: skip


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per mail event."""
    opened = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    inside = pl.col("body").str.extract(r"(?s)^[^{\[]{0,200}?([\[{].*)$")
    looked = opened.with_columns(
        pl.when(pl.col("body").str.contains(r'^[^="]{0,200}[\[{]\s*[\[{"]')).then(inside).alias("object")
    )
    is_object = looked.get_column("object").is_not_null()
    parts = [
        _of_objects(looked.filter(is_object)) if is_object.any() else None,
        _of_pairs(looked.filter(~is_object)) if not is_object.all() else None,
    ]
    frames = [frame for part in parts if part is not None for frame in [part[0]] if frame.height]
    rejects = pl.concat([part[1] for part in parts if part is not None])
    skipped = pl.concat([part[2] for part in parts if part is not None])
    made = [_events(frame, looked, want, zone_of(raw)) for frame in frames]
    refused = pl.concat([rejects, *(one.rejects for one in made)])
    return Parsed(tuple(event for one in made for event in one.events), refused, skipped)


def _of_objects(looked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """Return the fields of JSON records, unwrapped, their rejects and what holds nothing."""
    texts = [_unwrapped(text) for text in looked.get_column("object").to_list()]
    records = json.read(looked.with_columns(pl.Series("text", texts, dtype=pl.String)), None, envelopes=_ENVELOPES)
    return records.keys.select("raw_row", "n").hstack(records.fields), records.rejects, records.skipped


def _unwrapped(text: str) -> str:
    """Return the record that a JSON text holds as text, up to two levels down."""
    for _ in range(2):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        inner = (
            next((value[name] for name in _WRAPPED if isinstance(value.get(name), str)), None)
            if isinstance(value, dict)
            else None
        )
        if inner is None or not str(inner).lstrip().startswith("{"):
            return text
        text = str(inner)
    return text


def _of_pairs(looked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """Return the fields of key=value records; a line without pairs is malformed."""
    body = looked.get_column("body")
    is_comma = body.str.contains(r"^[^=]*=(?:\"[^\"]*\"|[^,=\"]*),\s*[A-Za-z_.-]+=")
    found = [
        looked.filter(mask).select("raw_row").hstack(keyvalue.pairs(body.filter(mask), comma=comma))
        for mask, comma in ((is_comma, True), (~is_comma, False))
        if mask.any()
    ]
    fields = pl.concat(found, how="diagonal").with_columns(pl.lit(0, pl.UInt16).alias("n"))
    names = [name for name in fields.columns if name not in {"raw_row", "n"}]
    is_read = pl.any_horizontal(pl.col(names).is_not_null()) if names else pl.lit(value=False)
    bad = fields.filter(~is_read).select("raw_row", pl.lit(str(Reason.MALFORMED)).alias("reason"))
    return fields.filter(is_read), bad, pl.Series("raw_row", [], dtype=pl.UInt32)


def _events(fields: pl.DataFrame, looked: pl.DataFrame, want: frozenset[str] | None, zone: str) -> Parsed:
    """Return the events of fields under any of their names; a record that says nothing about a mail is refused."""
    names = [name for name in fields.columns if name not in {"raw_row", "n"}]
    meant = fields.select(
        "raw_row", "n", *(_first(meaning, said.split(), fields.select(names)) for meaning, said in _NAMES.items())
    )
    told = meant.join(
        looked.select("raw_row", pl.col("sender").alias("sent by"), "sent", "received"),
        on="raw_row",
        how="left",
        maintain_order="left",
    )
    date = pl.col("date")
    when = told.select(pl.coalesce(to_utc(date, _LAYOUTS, zone=zone), epoch(date), "sent").alias("when")).to_series()
    dated = told.with_columns(pl.when(pl.lit(when.is_null())).then(pl.lit("no")).otherwise(pl.lit("yes")).alias("dated"))
    is_mail = dated.select(
        pl.any_horizontal(pl.col("message id", "envelope from", "header from", "to", "subject", "verdict").is_not_null())
    ).to_series()
    bad = dated.filter(~is_mail).select("raw_row", pl.lit(str(Reason.MISSING_FIELD)).alias("reason")).unique("raw_row")
    keep = is_mail & ~dated.get_column("raw_row").is_in(bad.get_column("raw_row").implode())
    times = pl.select(pl.coalesce(when, dated.get_column("received"))).to_series()
    return _MAKING.parsed(
        dated.filter(keep).drop("sent", "received"), times.filter(keep), want, bad=bad, rest=fields.select(names).filter(keep)
    )


def _first(meaning: str, said: list[str], fields: pl.DataFrame) -> pl.Expr:
    """Return the first field with one of the names, whole or the last part of a dotted one, that says something."""
    names = [name for name in fields.columns if meaning in _PARTS or not _plain(name).startswith(("attachment", "url", "link"))]
    found = [name for one in said for name in names if one in {_plain(name), _plain(name.rpartition(".")[2])}]
    return pl.coalesce([_text(fields, name) for name in dict.fromkeys(found)] or [pl.lit(None, pl.String)]).alias(meaning)


def _text(fields: pl.DataFrame, name: str) -> pl.Expr:
    column = pl.col(name).list.join(",") if isinstance(fields.schema[name], pl.List) else pl.col(name)
    return pl.when(column != "").then(column)


_SAYS = r'"(?:vendor|product|source|service|device_vendor|producer)"\s*:\s*"(?:Vade|VADE|vade|Hornetsecurity)'
PARSER = Parser(
    name="vade",
    log_sources=(_MAIL, _VIRUS),
    signature=Signature(
        pattern=rf"{tagged('(?:vade|vadesecure|vadecloud|vade-[a-z0-9-]+|hornetsecurity)')}"
        rf"|{OPENING}\{{[\s\S]*?{_SAYS}",
        rank=10,
        any_text=("vade", "Vade", "VADE", "ornetsecurity"),
    ),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared("*"),
    parse=_parse,
    required=("event.kind",),
)
