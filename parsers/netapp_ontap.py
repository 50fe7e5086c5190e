r"""NetApp ONTAP 9: the audit of administrators' commands, and the messages of the event management system (EMS).

Sent here with ``cluster log-forwarding create -destination collector -port 514 -protocol tcp-unencrypted -facility local7``
(audit) and ``event notification destination create -name tocsin -syslog collector``, then ``event notification create
-filter-name important-events -destinations tocsin`` (EMS). Reference: "How ONTAP implements audit logging", "EMS reference".

Audit: ``[kern_audit:info:3167] ids :: cluster:ssh :: 192.0.2.31:32879 :: cluster:admin :: volume offline -volume v1 ::
Success``. ``message`` is what stands behind the ids. A command is told twice, ``Pending`` and its end: only the end has an
outcome. Files that users open are audited in Windows' format (``windows_eventlog``). About 65,000 lines a second of a CPU: a
command is cut at six places. Not read: EMS in XML, AutoSupport.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.fields import at_address, at_port
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_AUDIT, _EMS = LogSource("netapp", "", "audit"), LogSource("netapp", "", "ems")
_COMMAND = (
    r"(?s)(?P<stamp>[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{4} [0-9:]{8}(?: [+-][0-9]{2}:?[0-9]{2})?)? ?"
    r"\[kern_audit:?(?P<level>[a-z]*):?[0-9]*\] (?P<ids>[0-9a-f:]+) :: (?P<said>(?P<node>[^ :]+):(?P<application>[a-z-]+)"
    r"(?: :: (?P<from>\S+)(?: :: (?P<vserver>[^ :]+):(?P<user>.*?)"
    r"(?: :: (?P<command>.*?)(?: :: (?P<state>Pending|Success|In progress|Error.*))?)?)?)?)$"
)
_MESSAGE = r"(?s)\[(?P<ems_node>[A-Za-z0-9_.-]+):(?P<event>[A-Za-z0-9_.-]+):(?P<word>[A-Za-z]+)\]: (?P<text>.*)$"
_MODERN = r"(?s) - (?P<event5>[a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)+) - (?P<text5>.*)$"
_SEVERITIES = {
    "emergency": 95, "alert": 95, "critical": 95, "error": 75, "err": 75, "warning": 50, "notice": 25, "info": 10,
    "informational": 10, "debug": 10,
}  # fmt: skip
_LAYOUTS = ("%a %b %d %Y %H:%M:%S %z", "%a %b %d %Y %H:%M:%S")

_BEFORE = r"^\x{feff}?(?:[0-9]{1,6} )?"
_AUDITED = OPENING + r"(?:[0-9A-Za-z_.:+-]+ +){0,12}?\[kern_audit:?[a-z]*:?[0-9]*\] [0-9a-f]+:[0-9a-f]+ :: "
_TOLD = (
    _BEFORE + r"(?:(?:<[0-9]{1,3}> ?)?[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} (?:[!-9;-Z\\^-~]{1,64}:? )?){1,2}"
    r"\[[A-Za-z0-9_.-]{1,64}:(?:[a-z]+\.[A-Za-z0-9_.]+|[a-z]{3,16}):[A-Za-z]{2,16}\]: "
)
_TOLD_5424 = (
    _BEFORE + r"<[0-9]{1,3}> ?(?:1 )?[0-9]{4}-[0-9T:.+Z-]{15,30} [!-~]{1,64} [!-~]{1,64} - "
    r"(?:wafl|raid|disk|vol|nblade|secd|snapmirror|cifs|nfs|iscsi|mgmt|callhome|ems|monitor|ha|cf|net|scsi|security|arw|aggr|fg)"
    r"(?:\.[A-Za-z0-9]+)+ - "
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per command and per message."""
    lines, text = unwrap(raw), raw.get_column("text").str.strip_chars_end()
    parts = [text.str.extract_groups(pattern).struct.unnest() for pattern in (_COMMAND, _MESSAGE, _MODERN)]
    fields = pl.concat([lines, raw.select("received"), *parts], how="horizontal")
    is_audit = pl.col("ids").is_not_null()
    known = pl.any_horizontal(pl.col("ids", "event", "event5").is_not_null())
    told = fields.with_columns(pl.when(is_audit).then(pl.lit("audit")).otherwise(pl.lit("ems")).alias("kind"))
    good, bad = told.filter(known), told.filter(~known)
    time = pl.coalesce(
        to_utc(pl.col("stamp"), _LAYOUTS, zone=zone_of(raw)), "sent", pl.when(pl.col("sender").is_null()).then("received")
    )
    return _MAKING.parsed(good, time, want, bad=rejects_of(bad, Reason.MALFORMED))


def _types() -> pl.Expr:
    verb = pl.col("command").str.to_lowercase()
    changed = (
        pl.when(verb.str.contains(r"\b(?:delete|destroy|remove|purge|offline)\b"))
        .then(pl.lit("deletion"))
        .when(verb.str.contains(r"\b(?:create|add)\b"))
        .then(pl.lit("creation"))
        .when(
            verb.str.contains(
                r"\b(?:modify|rename|restrict|online|enable|disable|move|set|start|stop|restore|lock|"
                r"unlock)\b"
            )
        )
        .then(pl.lit("change"))
    )
    return pl.concat_list(pl.coalesce(changed, pl.lit("info")))


def _outcome() -> pl.Expr:
    state = pl.col("state")
    done = pl.when(state == "Success").then(pl.lit("success")).when(state.str.starts_with("Error"))
    return done.then(pl.lit("failure"))


def _level() -> pl.Expr:
    return words(pl.coalesce("word", "level")).str.to_lowercase()


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    is_audit = pl.col("kind") == "audit"
    return {
        "event.kind": pl.lit("event"),
        "event.category": pl.concat_list(pl.when(is_audit).then(pl.lit("configuration")).otherwise(pl.lit("host"))),
        "event.type": _types(),
        "event.action": pl.coalesce(
            pl.col("command").str.extract(r"^([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*){0,4})"), "event", "event5", "kind"
        ),
        "event.code": pl.coalesce("event", "event5"),
        "event.outcome": _outcome(),
        "event.reason": pl.col("state").str.extract(r"^Error: (.*)$"),
        "event.severity": _level().replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": _level(),
        "host.name": words(pl.coalesce("node", "ems_node", "sender")),
        "observer.vendor": pl.lit("NetApp"),
        "observer.product": pl.lit("ONTAP"),
        "observer.type": pl.lit("filer"),
        "user.name": words(pl.col("user").str.replace(r"^[^\\]{1,64}\\", "")),
        "user.domain": pl.col("user").str.extract(r"^([^\\]{1,64})\\"),
        "source.ip": at_address(pl.col("from")),
        "source.port": at_port(pl.col("from")),
        "network.protocol": pl.col("application"),
        "process.command_line": pl.col("command"),
        "message": pl.coalesce("said", "text", "text5"),
    }


_MAKING = Making(
    dataset="netapp." + pl.col("kind"),
    log_sources=pl.col("kind").replace_strict({"audit": logsource_column(_AUDIT), "ems": logsource_column(_EMS)}),
    ecs=_ecs(),
    own={"netapp.vserver": pl.col("vserver"), "netapp.state": pl.col("state")},
    words=("kind", "level", "word"),
)

PARSER = Parser(
    name="netapp_ontap",
    log_sources=(_AUDIT, _EMS),
    signature=Signature(
        pattern=_AUDITED + "|" + _TOLD + "|" + _TOLD_5424,
        rank=25,
        any_text=("[kern_audit", "]: ", " - "),
        any_of=(r"\[kern_audit|\[[A-Za-z0-9_.-]+:[A-Za-z0-9_.]+:[A-Za-z]+\]: |[a-z]\.[A-Za-z0-9.]+ - ",),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("event.action",),
)
