r"""GLPI 9.5 to 11: the event log (logins, items, settings), PHP, SQL and access errors, and changes told by a webhook.

To send: an agent that follows ``files/_log/event.log``, ``access-errors.log``, ``php-errors.log`` and ``sql-errors.log`` as
they are (records are of two lines and more); Setup → General → Logs in files: yes, level at least 3. Behind a proxy GLPI writes
the ``X-Forwarded-For`` header, whose first address counts. Changes: Setup → Webhooks (GLPI 11), item type Change, with the body
``{"itemtype": "Change", "id": "{{ item.id }}", "name": "{{ item.name }}", "status": "{{ item.status.id }}",
"supplier_account": "{{ … }}"}``; without ``supplier_account`` the account is read from ``Compte : ext-…`` in ``name`` or
``content``.

Reference: GLPI source ``src/Glpi/Event.php``, ``src/Toolbox.php``; GLPI documentation "Logs", "Webhooks".

Messages are translated to the language of who acts: English and French sentences are read, others keep service, level and
message. A change is ``change_window_opened`` when it is accepted or under test, ``change_window_closed`` when it is applied,
closed, refused or cancelled.

Assembled of two lines and more, then searched for twenty sentences: some 140,000 lines per CPU-second.

Not read: ``glpi_events`` in the database, cron.log and mail.log beyond their message.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import columns_of, said_in
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import account, account_domain, address, words
from correlator.parse.times import to_utc, zone_of
from parsers.glpi.changes import CHANGES, read_changes
from parsers.glpi.sentences import PHRASES

__all__ = ["PARSER"]

_EVENT, _ERROR = LogSource("glpi", "", "event"), LogSource("glpi", "application", "error")
_CHANGE = LogSource("glpi", "", "change")
_LEVELS = {"1": 95, "2": 75, "3": 50, "4": 25, "5": 10}
_WORDS = {"emergency": 95, "alert": 95, "critical": 95, "error": 75, "warning": 50, "notice": 25, "info": 10, "debug": 10}
_HEAD = r"(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) \[(?P<user_id>[^\]@\s]*)@(?P<host>[^\]\s]*)\]"
_EVENT_TEXT = (
    r"\[(?P<service>[\w -]{1,64})\] (?:\[(?P<item_type>[\w\\ -]*?) (?P<item_id>-?[0-9]*)\] )?(?P<level>[1-5]): (?P<text>.*?)"
)
# A record is a header and what follows; each line may have come in a syslog message of its own.
_FILE = rf"(?s)^\s*{_HEAD}\s*\n?(?:[^\[\n]*: )?(?:{_EVENT_TEXT}|(?P<other>.*?))\s*$"
_ALONE = rf"(?s)^\s*{_EVENT_TEXT}\s*$"
_MONOLOG = (
    r"(?s)^\s*\[(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+-][0-9]{2}:[0-9]{2})\] (?P<channel>glpi[a-z]*)\."
    r"(?P<level>[A-Z]+): (?P<other>.*?)\s*$"
)
_FILE_OPENS = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \[[^\]@\s]*@[^\]\s]*\]"
_LOG_OPENS = r"\[[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+-][0-9]{2}:[0-9]{2}\] glpi[a-z]*\.[A-Z]+: "
_JSON_OPENS = r'\{[^{]*"itemtype"\s*:\s*"Change"'
_LAYOUTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f%z")
_SAID = sorted(columns_of(PHRASES))
_NAMES = ("stamp", "user_id", "host", "service", "item_type", "item_id", "level", "text", "other", "channel")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    body = lines.get_column("body")
    is_change = body.str.contains(rf"^\s*{_JSON_OPENS}")
    changes = read_changes(lines.filter(is_change), want)
    found = _found(lines.filter(~is_change))
    said = said_in(found.get_column("text"), PHRASES).select(pl.all().name.prefix("said "))
    written = to_utc(pl.col("stamp"), _LAYOUTS, zone=zone_of(raw))
    time = pl.when(pl.col("stamp").is_null()).then(pl.coalesce("sent", "received")).otherwise(written)
    bad = lines.filter(~is_change).join(found.select("raw_row"), on="raw_row", how="anti")
    records = _MAKING.parsed(found.hstack(said), time, want, bad=rejects_of(bad, Reason.MALFORMED))
    rejects = pl.concat([records.rejects, changes.rejects])
    return Parsed((*records.events, *changes.events), rejects, records.skipped)


def _found(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of the records that have one of the layouts."""
    parts, left = [lines.clear().with_columns(pl.lit(None, pl.String).alias(name) for name in _NAMES)], lines
    for pattern in (_FILE, _MONOLOG, _ALONE):
        fields = left.get_column("body").str.extract_groups(pattern).struct.unnest()
        whole = left.hstack(fields)
        is_read = whole.get_column("stamp" if "stamp" in fields.columns else "text").is_not_null()
        parts.append(whole.filter(is_read))
        left = left.filter(~is_read)
    return pl.concat(parts, how="diagonal").sort("raw_row")


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    said = {name: pl.col(f"said {name}") for name in _SAID}
    plain = {name: said[name] for name in _SAID if name not in {"source.address", "user.name"}}
    client = said["source.address"].str.extract(r"^\s*([0-9A-Fa-f.:]+)")
    word = pl.coalesce("channel", "service").str.to_lowercase()
    is_access = word.str.contains("access", literal=True) | pl.col("other").str.contains("without required rights|Access error")
    action = pl.when(is_access).then(pl.lit("access_denied")).when(pl.col("other").is_not_null()).then(pl.lit("error"))
    login = pl.when(pl.col("service") == "login").then(pl.lit(["authentication"]))
    severity = pl.col("level").str.to_lowercase().replace_strict(_LEVELS | _WORDS, default=None, return_dtype=pl.Int64)
    unknown = pl.col("said event.action").is_null() & pl.col("text").is_not_null()
    return {
        **plain,
        "host.name": words(pl.coalesce("sender", pl.col("host").str.to_lowercase())),
        "event.kind": pl.lit("event"),
        "event.category": pl.coalesce(said["event.category"], login.otherwise(pl.lit(["web"]))),
        "event.type": pl.coalesce(said["event.type"], pl.when(is_access).then(pl.lit(["denied"])).otherwise(pl.lit(["info"]))),
        "event.action": pl.coalesce(said["event.action"], action, "service"),
        "event.outcome": pl.coalesce(said["event.outcome"], pl.when(is_access).then(pl.lit("failure"))),
        "event.severity": severity,
        "log.level": pl.col("level").str.to_lowercase(),
        "log.logger": pl.coalesce("service", "channel"),
        "message": pl.coalesce("text", "other"),
        "error.message": pl.when(~is_access.fill_null(value=False)).then(pl.col("other").str.extract(r"^\s*\**\s*([^\n]*)")),
        "service.name": pl.lit("glpi"),
        "resource.type": words(pl.col("item_type")),
        "resource.id": words(pl.col("item_id")),
        "user.id": words(pl.col("user_id")),
        "user.name": account(said["user.name"]),
        "user.domain": account_domain(said["user.name"]),
        "source.ip": address(client),
        "source.address": words(said["source.address"]),
        "tags": pl.when(unknown).then(pl.lit(["phrase_unknown"])),
    }


_IS_EVENT = pl.col("text").is_not_null()
_MAKING = Making(
    dataset=pl.when(_IS_EVENT).then(pl.lit("glpi.event")).otherwise(pl.lit("glpi.error")),
    log_sources=pl.when(_IS_EVENT).then(pl.lit(str(_EVENT))).otherwise(pl.lit(str(_ERROR))),
    ecs=_ecs(),
    own={"service": pl.col("service"), "level": pl.col("level")},
    words=("service", "level", "channel", "said event.action", "said event.outcome"),
)

PARSER = Parser(
    name="glpi",
    log_sources=(_EVENT, _ERROR, _CHANGE),
    signature=Signature(
        pattern=rf"{header()}(?:{_FILE_OPENS}|{_LOG_OPENS}|{_JSON_OPENS})|{header('glpi')}",
        rank=10,
        any_of=(r" \[[^\]@ ]*@[^\] ]*\]", "glpi", '"itemtype"'),
        any_text=("@", "glpi", '"itemtype"'),
    ),
    maturity=Maturity.DOCUMENTED,
    fields={**_MAKING.declared(), **CHANGES.declared("*")},
    parse=_parse,
    required=("event.action",),
    assembly=Continuation(rf"{header()}(?:{_FILE_OPENS}|{_LOG_OPENS}|\{{)"),
)
