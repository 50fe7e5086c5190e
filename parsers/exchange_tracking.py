r"""Exchange Server 2013 to SE: the message tracking log, what became of each message on each server.

How to send it here: ``Set-TransportService SRV -MessageTrackingLogEnabled $true`` (and
``-MessageTrackingLogSubjectLoggingEnabled $true``); collect ``TransportRoles\Logs\MessageTracking\MSGTRK*.LOG`` below
Exchange's folder with the file collector, NXLog or Filebeat. Reference: Microsoft Learn "Message tracking", "Search message
tracking logs".

Read: rows below their last ``#Fields`` line; rows whose header was lost on the way by the order of the current version. All
columns keep their names (``sender-address``, ``event-id``…); ``recipient-address`` is ``email.to.address``, a list.
``event.action`` is the event (RECEIVE, SEND, DELIVER, FAIL, DEFER, REDIRECT…), ``event.provider`` its source: MAILBOXRULE with
REDIRECT is an automatic forward, AGENT with FAIL a filter's refusal. ``original-client-ip`` is the client behind proxies.
Times are UTC. Not read: exports of ``Get-MessageTrackingLog`` (other names, local dates); comment lines are skipped.

Speed: about 150,000 rows per CPU-second, not 300,000: thirty columns, and subjects that are quoted.
"""

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import csv
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import address, integer, members, words
from correlator.parse.times import to_utc

__all__ = ["PARSER"]

_COLUMNS = (
    "date-time client-ip client-hostname server-ip server-hostname source-context connector-id source event-id "
    "internal-message-id message-id network-message-id recipient-address recipient-status total-bytes recipient-count "
    "related-recipient-address reference message-subject sender-address return-path message-info directionality tenant-id "
    "original-client-ip original-server-ip custom-data transport-traffic-type log-id schema-version"
)
_COMMENT = r"^\x{feff}?#(?:Software|Version|Log-type|Date|Fields):"
_MARK = r"^\x{feff}?#Fields: date-time,client-ip,"
_CELL = r'(?:"(?:[^"]|"")*"|[^,"]*),'
_SOURCES = (
    "ADMIN|AGENT|APPROVAL|BOOTLOADER|DNS|DSN|GATEWAY|MAILBOXRULE|INBOXRULE|MEETINGMESSAGEPROCESSOR|ORAR|PICKUP|POISONMESSAGE"
    "|PUBLICFOLDER|QUEUE|REDUNDANCY|RESOLVER|ROUTING|SAFETYNET|SMTP|STOREDRIVER|UNIFIEDGROUP|MAPI"
)
_ROW = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:.]+Z,(?:{_CELL}){{6}}(?:{_SOURCES}),[A-Z]{{3,30}},"
_EVENT, _SOURCE = pl.col("event-id"), pl.col("source")
_FAILED = ["FAIL", "POISONMESSAGE", "BADMAIL", "DROP", "HADISCARD", "SUBMITFAIL", "MODERATORREJECT", "MODERATORSALLNDR"]
_OPEN = ["DEFER", "SUBMITDEFER", "DELAY", "RESUBMIT", "SUPPRESSED", "THROTTLE"]
_DIRECTIONS = {"originating": "outbound", "incoming": "inbound"}
_IS_REFUSAL = _EVENT.is_in(_FAILED)

_MAKING = Making(
    "exchange.message_tracking",
    (LogSource("exchange", "", "message_tracking"),),
    {
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["email"]),
        "event.type": pl.when(_IS_REFUSAL).then(pl.lit(["denied"])).otherwise(pl.lit(["info"])),
        "event.action": _EVENT,
        "event.provider": _SOURCE,
        "event.outcome": pl.when(_IS_REFUSAL)
        .then(pl.lit("failure"))
        .when(_EVENT.is_in(_OPEN))
        .then(pl.lit("unknown"))
        .when(_EVENT.is_not_null())
        .then(pl.lit("success")),
        "event.reason": pl.when(_IS_REFUSAL | _EVENT.is_in(_OPEN)).then(
            words(pl.coalesce(words(pl.col("recipient-status")), "source-context"))
        ),
        "observer.vendor": pl.lit("Microsoft"),
        "observer.product": pl.lit("Exchange"),
        "observer.type": pl.lit("mail"),
        "host.name": words(pl.coalesce(words(pl.col("server-hostname")), "client-hostname")),
        "email.from.address": words(pl.col("sender-address")),
        "email.sender.address": words(pl.col("return-path").str.strip_chars("<>")),
        "email.to.address": members(pl.col("recipient-address"), ";"),
        "email.subject": words(pl.col("message-subject")),
        "email.message_id": words(pl.col("message-id").str.strip_chars("<>")),
        "email.local_id": words(pl.col("internal-message-id")),
        "email.size": integer(pl.col("total-bytes")),
        "email.direction": pl.col("directionality").str.to_lowercase().replace_strict(_DIRECTIONS, default=None),
        "source.ip": pl.coalesce(address(pl.col("original-client-ip")), address(pl.col("client-ip"))),
        "source.domain": words(pl.col("client-hostname")),
        "destination.ip": address(pl.col("server-ip")),
        "rule.name": words(pl.when(_SOURCE == "AGENT").then("source-context")),
        "organization.id": words(pl.col("tenant-id")),
        "tags": pl.when(pl.col("is_cut") == "yes").then(pl.lit(["truncated"])),
    },
    words=("event-id", "source", "directionality", "is_cut"),
)
_READ = frozenset(name for made in _MAKING.ecs.values() for name in made.meta.root_names()) | {"date-time"}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per row; comment lines are skipped, a row without an event is malformed."""
    is_comment = raw.get_column("text").str.contains(_COMMENT) & ~raw.get_column("text").str.contains("\n", literal=True)
    rows = raw.filter(~is_comment) if is_comment.any() else raw
    fields = _fields(rows)
    is_row = fields.get_column("event-id").str.contains(r"^[A-Z]{3,30}$").fill_null(value=False)
    good, bad = fields.filter(is_row), fields.filter(~is_row)
    time = to_utc(pl.col("date-time"), ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f"), zone="UTC")
    rest = good.drop("raw_row", "is_cut")
    skipped = raw.filter(is_comment).get_column("raw_row")
    return _MAKING.parsed(good, time, want, bad=rejects_of(bad, Reason.MALFORMED), skipped=skipped, rest=rest)


def _fields(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of each row, by its header or, where there is none, by their usual order."""
    text = rows.get_column("text").str.replace(r"^\x{feff}?#Fields: *", "")
    has_header = text.str.contains("\n", literal=True)
    headed = csv.read(text.filter(has_header), separator=",") if has_header.any() else None
    bare = _bare(text.filter(~has_header)) if not has_header.all() else None
    parts = [
        rows.filter(mask).select("raw_row").hstack(part)
        for mask, part in ((has_header, headed), (~has_header, bare))
        if part is not None
    ]
    whole = pl.concat(parts, how="diagonal") if parts else rows.select("raw_row")
    absent = [pl.lit(None, pl.String).alias(name) for name in sorted(_READ - {"is_cut"}) if name not in whole.columns]
    least = pl.col(csv.FIELD_COUNT) if csv.FIELD_COUNT in whole.columns else pl.lit(0)
    is_cut = pl.when(least < _LEAST).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("is_cut")
    return whole.with_columns(is_cut, *absent).drop(csv.FIELD_COUNT, strict=False)


def _bare(text: pl.Series) -> pl.DataFrame:
    """Return the columns of rows without a header, by the order of the current version; of another version: no event."""
    rows = csv.read(text, columns=_COLUMNS.split(), separator=",")
    fits = pl.col("network-message-id").str.contains(_GUID) | pl.col("network-message-id").is_null()
    return rows.with_columns(pl.when(fits).then("event-id").alias("event-id"))


_GUID = r"^(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$"
_LEAST = 18  # columns of the oldest version that is read
PARSER = Parser(
    name="exchange_tracking",
    log_sources=(LogSource("exchange", "", "message_tracking"),),
    signature=Signature(
        pattern=rf"{_MARK}|{_ROW}|^\x{{feff}}?#(?:Log-type: Message Tracking Log|Software: Microsoft Exchange Server\s*$"
        r"|Version: 1[4-9]\.[0-9.]+\s*$|Date: [0-9-]{10}T[0-9:.]+Z\s*$)",
        rank=10,
        any_text=(
            "#Fields: date-time,", "#Log-type: Message", "#Software: Microsoft Exchange", "#Version: 1", "#Date: ",
            *(f",{source}," for source in _SOURCES.split("|")),
        ),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared("*", *(name for name in _COLUMNS.split() if name not in ECS and name != "source")),
    parse=_parse,
    required=("event.action",),
    assembly=Header(pattern=_MARK),
)  # fmt: skip
