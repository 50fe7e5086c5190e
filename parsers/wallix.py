r"""WALLIX Bastion 8 to 12: sessions over RDP, VNC and SSH, connections to targets, sign-ins, what administrators change.

Sent here with *Configuration › SIEM integration* of the bastion (syslog over UDP, TCP or TLS, format RFC 5424 or RFC 3164; the
form in CEF is read as well). Reference: "WALLIX Bastion Administration Guide, SIEM message formats", and the open source of its
proxy, wallix/redemption (``log_siem.cpp``, ``log_id.hpp``).

A record is a tag in brackets, then ``key="value"``: ``[RDP Session] session_id="…" client_ip="…" target_ip="…" user="…"
device="…" service="…" account="…" type="…"``; own fields are those keys. ``user.name`` is who signed in to the bastion,
``user.target.name`` the account used on the target. Session lines escape quotes and backslashes; proxy lines (``[rdpproxy]``)
do not, so there a quote ends a value only before the next key: who is called ``x" host="y`` can still write a field of his own
line, as nothing tells the two apart. About 70,000 lines a second of a CPU: a line has some fifteen pairs, in many orders. Not
read: the Access Manager's own log, keystrokes that are only in the recordings.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import cef, keyvalue
from correlator.parse.formats.making import Making
from correlator.parse.formats.quotes import requoted
from correlator.parse.formats.unwrap import OPENING, header, tagged, unwrap
from correlator.parse.formats.values import address, integer, nanoseconds, words

__all__ = ["PARSER"]

_SESSION, _AUDIT = LogSource("wallix", "", "session"), LogSource("wallix", "", "audit")
_AUTH, _PROXY = LogSource("wallix", "", "auth"), LogSource("wallix", "", "proxy")
_TAGS = r"(?:[a-z]{2,16}proxy|(?:RDP|VNC|SSH|Neutral|RAW|HTTP|HTTPS|TELNET|RLOGIN|WEB) Session|wab[a-z]{2,20}|WAB[a-z]{0,20})"
_APPS = r"(?:rdp|ssh|http|vnc|telnet|raw)proxy|wab[a-z]{2,20}|WAB[a-z]{0,20}|wallix[a-z-]*|sesman|session"
_KEY = r"[A-Za-z_][A-Za-z0-9_]*=[\"']"
_RECORD = rf"\[(?P<tag>{_TAGS})\] (?P<pairs>{_KEY}(?s:.*))$"
_OPEN, _CLOSE = "\x01", "\x02"

_READ = (
    "type user client_ip src_ip src_port target_ip host dst_addr port dst_port device service account target session_id psid "
    "reason duration action status result description command_line data app_cmd_line app_name file_name size sha256 pattern "
    "rule infos object url server_name group_name account_name client_name message"
)
_NEEDED = tuple(_READ.split())
#: What CEF calls the same.
_CEF = {
    "suser": "user", "src": "client_ip", "spt": "src_port", "dst": "target_ip", "dpt": "port", "dhost": "device",
    "app": "service", "duser": "account", "reason": "reason", "act": "action", "outcome": "status", "msg": "message",
    "fname": "file_name", "fsize": "size", "cef.name": "type",
}  # fmt: skip
_WAB = "WallixWAB"
#: Categories by the first pattern that fits the type of a session's or proxy's event.
_CATEGORIES = {
    "authentication": r"^AUTHENTICATION|^TARGET_CONNECTION|^CONNECTION_FAILED|^SESSION_CREATION_FAILED|GET_FOCUS$",
    "process": r"PROCESS|APPLICATION|REMOTEAPP|COMMAND|PATTERN|KBD_INPUT|SHELL|EXEC",
    "file": r"FILE|DRIVE_|^CB_|SCP|SFTP|TEXT_VERIFICATION|PRINT",
    "iam": r"ACCOUNT_MANIPULATION|GROUP_MEMBERSHIP",
    "network": r"OUTBOUND_CONNECTION|^INCOMING_CONNECTION|CHANNEL|FORWARD|^CERTIFICATE|^SERVER_CERTIFICATE|DIRECT_TCPIP",
    "session": r"",
}
_HIGH = r"KILL_PATTERN|_BLOCKED|_DENIED|_REJECTED|MATCH_FAILURE|ACCOUNT_MANIPULATION_DETECTED|_ERROR$"
_MEDIUM = r"FAILED|NOTIFY_PATTERN|FAIL_TO_RUN|OUTBOUND_CONNECTION_DETECTED|PROCESS_DETECTED"
_FAILED = r"FAILED|FAILURE|_ERROR$|_BLOCKED|_DENIED|_REJECTED|FAIL_TO_RUN|KILL_PATTERN"
_DONE = r"SUCCESSFULLY|SUCCESS$|_ALLOWED|^TARGET_CONNECTION$|_CREATION$"
_DENIED, _START, _END = (
    r"_BLOCKED|_DENIED|_REJECTED|KILL_PATTERN",
    r"^INCOMING_CONNECTION|^TARGET_CONNECTION|ESTABLISHED|^NEW_PROCESS|^AUTHENTICATION|CREATION_FAILED",
    r"DISCONNECT|COMPLETED_PROCESS|ENDING",
)
_CHANGES = {
    "add": "creation",
    "create": "creation",
    "edit": "change",
    "update": "change",
    "delete": "deletion",
    "remove": "deletion",
}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record; a record without a tag and pairs is malformed."""
    lines = unwrap(raw)
    text = raw.get_column("text")
    asked = None if want is None else want | {f"{_WAB}{name}" for name in want}
    native = text.str.extract_groups(_RECORD).struct.unnest()
    given = keyvalue.pairs(_safe(native), need=_NEEDED, want=want)
    is_cef = text.str.contains(r"CEF:\s?[01]\|Wallix\|")
    if is_cef.any():
        given = _with_cef(given, text.set(~is_cef, None), asked)
    tag = native.get_column("tag").fill_null("CEF")
    fields = lines.hstack(given.select(_NEEDED)).with_columns(tag, raw.get_column("received"), _kind(tag))
    is_record = native.get_column("pairs").is_not_null() | is_cef
    good = fields.filter(is_record)
    rest = given.select(name for name in given.columns if not name.startswith("cef.")).filter(is_record)
    time = pl.coalesce("sent", pl.when(pl.col("sender").is_null()).then("received"))
    return _MAKING.parsed(good, time, want, bad=rejects_of(raw.filter(~is_record), Reason.MALFORMED), rest=rest)


def _kind(tag: pl.Series) -> pl.Series:
    """Return what sort of record each is: session, proxy, audit, auth."""
    named = pl.when(tag.str.contains("audit")).then(pl.lit("audit")).when(tag.str.contains("auth")).then(pl.lit("auth"))
    of_proxy = named.when(tag.str.contains("proxy$")).then(pl.lit("proxy"))
    return pl.select(of_proxy.otherwise(pl.lit("session")).alias("kind")).to_series()


def _safe(native: pl.DataFrame) -> pl.Series:
    """Return the pairs with double quotes around values and every other quote escaped, as session lines come.

    Proxies escape nothing: there a quote that does not stand before a next key, or at the end, is of the value.
    """
    pairs, is_proxy = native.get_column("pairs"), native.get_column("tag").str.ends_with("proxy").fill_null(value=False)
    if pairs.str.contains("='", literal=True).any():
        is_single = pairs.str.contains(r"^[A-Za-z_]+='").fill_null(value=False)
        single = pairs.str.replace_all(r"([A-Za-z_][A-Za-z0-9_]*)='((?:[^'\\]|\\.)*)'", f"${{1}}={_OPEN}${{2}}{_CLOSE}")
        plain = single.str.replace_all(r"\\([\"'])", "$1").str.replace_all('"', '\\"', literal=True)
        pairs = plain.str.replace_all(f"[{_OPEN}{_CLOSE}]", '"').zip_with(is_single, pairs)
    odd = is_proxy & (pairs.str.contains("\\", literal=True) | pairs.str.contains(r'="[^"]*"(?:[^ ]|\s+[^\s=]*(?:\s|$|"))'))
    odd = odd.fill_null(value=False)
    if not odd.any():
        return pairs
    return requoted(pairs).zip_with(odd, pairs)


def _with_cef(given: pl.DataFrame, text: pl.Series, want: frozenset[str] | None) -> pl.DataFrame:
    """Return ``given`` with the fields of records in CEF under the names of the bastion's own form."""
    said = cef.split(text, need=[name for name in _CEF if name not in cef.HEADER], want=want)
    plain = {name: name.removeprefix(_WAB) for name in said.columns if name.startswith(_WAB) and name != _WAB}
    named = {new: pl.col(old) for old, new in (plain | _CEF).items() if old in said.columns}
    own = said.select(column.alias(name) for name, column in named.items())
    both = {name: pl.coalesce(pl.col(name), own.get_column(name)) for name in own.columns if name in given.columns}
    return given.with_columns(**both).with_columns(own.select(name for name in own.columns if name not in given.columns))


def _first_word(patterns: dict[str, str]) -> pl.Expr:
    found: pl.Expr = pl.lit(None, pl.String)
    for word, pattern in reversed(patterns.items()):
        found = pl.when(pl.col("type").str.contains(pattern)).then(pl.lit(word)).otherwise(found)
    return found


def _category() -> pl.Expr:
    audit = pl.when(pl.col("kind") == "audit").then(pl.lit("configuration")).when(pl.col("kind") == "auth")
    return pl.concat_list(
        audit.then(pl.lit("authentication")).otherwise(pl.coalesce(_first_word(_CATEGORIES), pl.lit("session")))
    )


def _types() -> pl.Expr:
    change = pl.col("action").str.to_lowercase().replace_strict(_CHANGES, default="access", return_dtype=pl.String)
    told = _first_word({"denied": _DENIED, "start": _START, "end": _END})
    audit = pl.when(pl.col("kind") == "audit").then(change).when(pl.col("kind") == "auth").then(pl.lit("start"))
    return pl.concat_list(audit.otherwise(pl.coalesce(told, pl.lit("info"))))


def _outcome() -> pl.Expr:
    said = pl.coalesce("status", "result").str.to_lowercase()
    kind = pl.col("type")
    failed = said.str.contains("fail|refus|den|error|ko") | (pl.col("kind") != "audit") & kind.str.contains(_FAILED)
    done = said.str.contains("succe|ok|allow|grant") | kind.str.contains(_DONE) | (pl.col("kind") == "audit")
    return pl.when(failed).then(pl.lit("failure")).when(done).then(pl.lit("success"))


def _severity() -> pl.Expr:
    high = (pl.col("kind") != "audit") & pl.col("type").str.contains(_HIGH)
    medium = (pl.col("kind") != "audit") & pl.col("type").str.contains(_MEDIUM) | (_outcome() == "failure")
    return pl.when(high).then(pl.lit(75, pl.Int64)).when(medium).then(pl.lit(50, pl.Int64)).otherwise(pl.lit(10, pl.Int64))


def _target() -> pl.Expr:
    """Return the account on the target: ``account``, else the first part of ``account@domain@device``."""
    return words(pl.coalesce("account", pl.col("target").str.extract(r"^(.+?)(?:@[^@]*)*$"), "account_name"))


def _user(part: int) -> pl.Expr:
    r"""Return the name or the domain of ``name``, ``name@domain`` or ``DOMAIN\name``."""
    bare = pl.col("user").str.replace(r"^([^\\@]{1,64})\\+(.+)$", "${2}@${1}")
    return words(bare.str.extract(r"^(.*?)(?:@([^@]*))?$", part))


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    return {
        "event.kind": pl.when(pl.col("type").str.contains(_HIGH)).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": _category(),
        "event.type": _types(),
        "event.action": pl.coalesce(pl.when(pl.col("kind").is_in(["audit", "auth"])).then("action"), "type", "kind"),
        "event.outcome": _outcome(),
        "event.severity": _severity(),
        "event.reason": words(pl.coalesce("reason", "description", "infos", "message")),
        "event.duration": nanoseconds(_seconds()),
        "observer.name": pl.col("sender"),
        "observer.vendor": pl.lit("WALLIX"),
        "observer.product": pl.lit("Bastion"),
        "observer.type": pl.lit("bastion"),
        "host.name": pl.col("sender"),
        "session.id": words(pl.col("session_id")),
        "user.name": _user(1),
        "user.domain": _user(2),
        "user.target.name": _target(),
        "group.name": words(pl.col("group_name")),
        "source.ip": address(pl.coalesce("client_ip", "src_ip")),
        "source.address": words(pl.coalesce("client_ip", "src_ip")),
        "source.port": integer(pl.col("src_port"), above=0),
        "destination.ip": address(pl.coalesce("target_ip", "host", "dst_addr")),
        "destination.port": integer(pl.coalesce("port", "dst_port"), above=0),
        "destination.domain": words(pl.coalesce("device", "server_name")),
        "network.protocol": words(pl.col("service"))
        .str.to_lowercase()
        .str.extract(r"^(rdp|ssh|vnc|telnet|rlogin|https?|sftp|scp)"),
        "process.command_line": words(pl.coalesce("command_line", "app_cmd_line")),
        "file.name": words(pl.col("file_name")),
        "file.size": integer(pl.col("size")),
        "file.hash.sha256": pl.col("sha256").str.to_lowercase().str.extract(r"^([0-9a-f]{64})$"),
        "rule.name": words(pl.coalesce("rule", "pattern")),
        "url.original": words(pl.col("url")),
        "resource.name": pl.when(pl.col("kind") == "audit").then(words(pl.col("object"))),
        "resource.type": pl.when(pl.col("kind") == "audit").then(words(pl.col("type"))),
        "message": words(pl.col("body")),
        "tags": pl.when(keyvalue.is_cut(pl.col("body"))).then(pl.lit(["truncated"])),
    }


def _seconds() -> pl.Expr:
    """Return a duration in seconds, said as that or as ``0:12:05``."""
    parts = pl.col("duration").str.extract_groups(r"^(?:(\d+):)?(\d+):(\d+)$").struct
    hours, minutes, seconds = (parts.field(str(place)).cast(pl.Int64, strict=False) for place in (1, 2, 3))
    clock = hours.fill_null(0) * 3600 + minutes * 60 + seconds
    return pl.coalesce(clock.cast(pl.String), "duration")


_SOURCES = {"session": (_SESSION,), "proxy": (_PROXY, _SESSION), "audit": (_AUDIT,), "auth": (_AUTH,)}
_MAKING = Making(
    dataset="wallix." + pl.col("kind"),
    log_sources=pl.col("kind").replace_strict({kind: logsource_column(*sources) for kind, sources in _SOURCES.items()}),
    ecs=_ecs(),
    words=("kind", "type", "action", "status", "result", "service"),
)

PARSER = Parser(
    name="wallix",
    log_sources=(_SESSION, _AUDIT, _AUTH, _PROXY),
    signature=Signature(
        pattern=rf"{header()}\[{_TAGS}\] {_KEY}|{tagged(_APPS, bare=False)}\[?{_TAGS}\] {_KEY}|{OPENING}CEF:\s?[01]\|Wallix\|",
        rank=12,
        any_text=("proxy] ", " Session] ", "[wab", "[WAB", "|Wallix|"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(*_NEEDED, "*"),
    parse=_parse,
    required=("event.action",),
)
