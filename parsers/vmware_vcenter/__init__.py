r"""VMware vCenter Server 6.7 to 8: events, sign-ins to single sign-on, vpxd and its neighbours, the appliance's own management.

Sent here from the appliance's management page (``https://vcenter:5480``, *Syslog › Forwarding configuration*, TCP, TLS or UDP,
port 514), and *vCenter › Configure › Advanced settings › vpxd.event.syslog.enabled = true* (as delivered), which puts every
event on the line ``Event [id] [1-1] [time] [vim.event.X] [level] [user] [datacenter] [chain] [text]``. Files are read as well
(``vpxd.log``, ``vpxd-svcs.log``, ``audit_events.log``, ``vami.log``). Reference: "vCenter Server Events", "vSphere Security,
Audit logging".

``event.action`` is the type without ``vim.event.``, whatever the language of the text; the machine (``vmware.vm.name``) and
the host it ran on (``vmware.host.name``) are read from the English text. Events over 1 KiB come in chunks (``[1-2]``): each is
an event, ``vmware.event.chunk`` says which. Times are UTC. vpxd's chatter is kept, and told as ``phrase_unknown`` where it is
no operation (``[VpxLRO]``). About 95,000 lines a second of a CPU: two headers, and nine parts of an event. Lines of one
message (``-->``) are joined. Not read apart: Java stack traces of the other services.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.formats.unwrap import OPENING, tagged
from correlator.parse.formats.values import account, account_domain, address, integer, label_of, severity_of, words
from correlator.parse.formats.vmware import CONTINUED, STAMP, STARTS, TASK, opened
from correlator.parse.times import to_utc
from parsers.vmware_vcenter.events import CATEGORIES, DONE, FAILED, SSO, TYPES, machine, server

__all__ = ["PARSER"]

_VCENTER = LogSource("vmware", "", "vcenter")
_EVENT = (
    r"(?s)^(?:[^\[]{0,80} )?Event \[(?P<number>[0-9]+)\] \[(?P<chunk>[0-9]+-[0-9]+)\] \[(?P<stamp>[^\]]*)\] "
    r"\[(?P<type>[A-Za-z0-9_.-]+)(?:\] \[(?P<word>[a-z]*)(?:\] \[(?P<user>[^\]]*)(?:\] \[(?P<datacenter>[^\]]*)"
    r"(?:\] \[(?P<chain>[^\]]*)(?:\] \[(?P<said>.*))?)?)?)?)?"
)
_SSO = {
    "user": "user",
    "client": "client",
    "stamp": "timestamp",
    "said": "description",
    "word": "eventSeverity",
    "type": "type",
}
_VAMI = (
    r"(?s)^(?P<vami_stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+)(?: \[[0-9]+\]|:) ?"
    r"(?P<vami_word>INFO|DEBUG|WARN|WARNING|ERROR|CRITICAL):"
    r"(?P<vami_module>[A-Za-z0-9_.]+): ?(?P<vami_said>.*)$"
)
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%m/%d/%Y %H:%M:%S UTC", "%m/%d/%Y %H:%M:%S %Z",
)  # fmt: skip
_LEVELS = {
    "trivia": 10,
    "verbose": 10,
    "debug": 10,
    "info": 10,
    "user": 10,
    "warn": 50,
    "warning": 50,
    "error": 75,
    "critical": 95,
}

_KEPT = (
    "raw_row", "text", "program", "moment", "sub", "operation", "actor", "level", "syslog.host", "syslog.app", "syslog.pid",
    "syslog.priority",
)  # fmt: skip

#: Programs of the appliance whose name alone says vCenter.
_NAMES = (
    "vpxd|vpxd-main|vpxd-svcs(?:-[a-z-]+)?|vpxd-profiler|eventmonitor|vmon|vmdird|vmafdd|vmcad|vmware-stsd|vmware-sts[a-z-]*|"
    "sso-adminserver|audit_events|vsphere-ui[a-z-]*|vsphere-client|applmgmt[a-z-]*|vami[a-z-]*|vapi-endpoint[a-z-]*|vcha|"
    "vstats|"
    "vsan-health[a-z-]*|vlcm|updatemgr[a-z-]*|vmware-[a-z-]+|vum-server|content-library[a-z-]*|analytics[a-z-]*|eam[a-z-]*|sps|"
    "pschealth|wcp[a-z-]*|vcsa-audit|certificatemanagement[a-z-]*|trustmanagement[a-z-]*|rhttpproxy|envoy-[a-z]+|"
    "lookupsvc[a-z-]*"
)
_FILES = (
    rf"^{STAMP} (?:[a-z]+ )?vpxd(?:-[a-z]+)?\[[0-9A-Fa-f]+\]:? "
    r'|^[0-9TZ:.+-]{20,32} \{"user":"[^"]*","client":"[^"]*","timestamp":"[^"]*","description":"'
    r"|^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?: \[[0-9]+\]|:) ?(?:INFO|DEBUG|WARN|WARNING|ERROR|"
    r"CRITICAL):[a-z]+[A-Za-z0-9_.]*: ?"
)
_EVENTS = (
    rf"(?:{OPENING}|^<[0-9]{{1,3}}>1 (?:[!-~]+ ){{5}}- )"  # also where a time stands that cannot be read
    r"Event \[[0-9]+\] \[[0-9]+-[0-9]+\] \[[^\]]*\] "
    r"\[(?:vim\.event|com\.vmware|esx|hbr|vprob|com\.)[A-Za-z0-9_.-]*\] "
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without a header that is no event either is malformed."""
    fields = _fields(opened(raw), raw.get_column("text"))
    is_line = pl.any_horizontal(pl.col("program", "type", "vami_word").is_not_null())
    whole = fields.with_columns(_time(fields).alias("time"), **_who(fields))
    good, bad = whole.filter(is_line), whole.filter(~is_line)
    return _MAKING.parsed(good, pl.col("time"), want, bad=rejects_of(bad, Reason.MALFORMED))


def _fields(lines: pl.DataFrame, whole: pl.Series) -> pl.DataFrame:
    """Return the lines with the parts of an event, of a sign-in's record, of an operation and of the appliance's own log.

    Each form is only sought where its mark is: a regex on a line of another costs as much as reading it.
    """
    text = lines.get_column("text")
    is_bare = lines.get_column("program").is_null()
    forms = (
        _groups(text, text.str.contains("Event [", literal=True), _EVENT),
        _groups(text, text.str.starts_with("[VpxLRO] "), TASK),
        _groups(whole, is_bare, _VAMI),
    )
    kept = lines.select(_KEPT)
    wide = pl.concat([kept, *forms], how="horizontal")
    is_sso = (text.str.starts_with("{") & text.str.contains(r'"type":"com\.vmware\..*\}\s*$')).fill_null(value=False)
    if not is_sso.any():
        return wide.with_columns(pl.lit(None, pl.String).alias("client"))
    said = {name: pl.col("text").str.json_path_match(f"$.{key}") for name, key in _SSO.items()}
    joined = wide.join(
        wide.filter(is_sso).select("raw_row", **said), on="raw_row", how="left", suffix=" sso", maintain_order="left"
    )
    both = [name for name in _SSO if f"{name} sso" in joined.columns]
    return joined.with_columns(pl.coalesce(f"{name} sso", name).alias(name) for name in both)


def _groups(text: pl.Series, where: pl.Series, pattern: str) -> pl.DataFrame:
    """Return the groups of ``pattern``, null but in the rows ``where`` it is sought."""
    return text.set(~where.fill_null(value=False), None).str.extract_groups(pattern).struct.unnest()


def _who(fields: pl.DataFrame) -> dict[str, pl.Series]:
    r"""Return what an event is said to be in words, and who did it: the event's user, else the one its words name.

    ``name@domain`` is ``domain\name`` here.
    """
    words_said = pl.coalesce(pl.col("said").str.strip_suffix("]"), "vami_said", "text")
    said = fields.select(words_said.str.strip_chars().alias("said")).to_series()
    at = said.str.extract_groups(
        r"^(?:User |Cannot login (?:user )?)(?P<name>[^ ]+?)(?:@(?P<ip>[0-9A-Fa-f.:]*[0-9A-Fa-f]))?(?::? |$)"
    )
    told = fields.with_columns(at.struct.rename_fields(["named", "at"]).struct.unnest())
    account_said = pl.coalesce(words(pl.col("user")), "named", "actor").str.replace(r"^([^@\\{]+)@([^@\\]+)$", r"${2}\${1}")
    who = told.select(account_said.alias("account"), "at").get_columns()
    return {"said": said, **{column.name: column for column in who}}


def _time(fields: pl.DataFrame) -> pl.Series:
    """Return the event's own time, else the line's."""
    inner = pl.coalesce("stamp", "vami_stamp").str.replace(r"([+-][0-9:]+)Z$", "$1")
    return fields.select(pl.coalesce(to_utc(inner, _LAYOUTS, zone="UTC"), "moment")).to_series()


def _short() -> pl.Expr:
    """Return the type of an event without the package it is of."""
    return pl.col("type").str.replace(r"^(?:vim\.event|com\.vmware\.sso|com\.vmware\.[a-z.]+)\.", "")


def _word() -> pl.Expr:
    return pl.coalesce(words(pl.col("word")), "level", "vami_word", label_of(pl.col("syslog.priority") % 8)).str.to_lowercase()


def _list(words_of: dict[str, str], default: str | None) -> pl.Expr:
    """Return the list of one word: that of the first pattern found in the type; ``default`` for other events."""
    kind = _short()
    found: pl.Expr = pl.when(kind.is_not_null()).then(pl.lit(default)) if default else pl.lit(None, pl.String)
    for word, pattern in reversed(words_of.items()):
        found = pl.when(kind.str.contains(pattern)).then(pl.lit(word)).otherwise(found)
    return pl.when(found.is_not_null()).then(pl.concat_list(found))


def _outcome() -> pl.Expr:
    kind = _short()
    failed = kind.str.contains(FAILED) | (
        pl.col("said").str.contains(r"(?i)^user .* failed to log in") & kind.str.contains(SSO)
    )
    done = kind.str.contains(CATEGORIES["authentication"]) | kind.str.contains("|".join(TYPES[name] for name in DONE))
    return pl.when(failed).then(pl.lit("failure")).when(done).then(pl.lit("success"))


def _tags() -> pl.Expr:
    known = pl.any_horizontal(pl.col("type", "vmware.step", "vami_word").is_not_null())
    is_cut = pl.col("number").is_not_null() & ~pl.col("text").str.ends_with("]") & (pl.col("chunk") == "1-1")
    is_unknown = ~known & ~pl.col("text").str.contains(CONTINUED)
    return pl.when(is_cut).then(pl.lit(["truncated"])).when(is_unknown).then(pl.lit([UNKNOWN]))


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    return {
        "event.kind": pl.lit("event"),
        "event.category": _list(CATEGORIES, "host"),
        "event.type": _list(TYPES, "info"),
        "event.action": pl.coalesce(_short(), pl.when(pl.col("vmware.step").is_not_null()).then(pl.lit("operation"))),
        "event.code": pl.col("type"),
        "event.outcome": _outcome(),
        "event.severity": pl.coalesce(
            _word().replace_strict(_LEVELS, default=None, return_dtype=pl.Int64), severity_of(pl.col("syslog.priority") % 8)
        ),
        "log.level": _word(),
        "log.syslog.appname": pl.col("syslog.app"),
        "host.name": pl.col("syslog.host"),
        "process.name": pl.col("syslog.app"),
        "process.pid": integer(pl.col("syslog.pid")),
        "syslog.priority": pl.col("syslog.priority"),
        "observer.vendor": pl.lit("VMware"),
        "observer.product": pl.lit("vCenter"),
        "observer.type": pl.lit("hypervisor"),
        "user.name": account(pl.col("account")),
        "user.domain": account_domain(pl.col("account")),
        "user_agent.original": pl.col("said").str.extract(r" logged in as (.+)$"),
        "source.ip": address(pl.coalesce(words(pl.col("client")), "at")),
        "message": pl.col("said").str.strip_chars(),
        "tags": _tags(),
    }


@cache
def _own() -> dict[str, pl.Expr]:
    """Return VMware's own names."""
    return {
        "vmware.event.id": pl.col("number"),
        "vmware.event.chain": words(pl.col("chain")),
        "vmware.event.chunk": pl.when(pl.col("chunk") != "1-1").then("chunk"),
        "vmware.vm.name": machine(_short(), pl.col("said")),
        "vmware.host.name": server(_short(), pl.col("said")),
        "vmware.datacenter.name": words(pl.col("datacenter")),
        "vmware.sub": pl.col("sub"),
        "vmware.op_id": pl.col("operation"),
        "vmware.task": pl.col("vmware.task"),
        "vmware.step": pl.col("vmware.step"),
        "vmware.manager": pl.col("vmware.manager"),
        "vmware.method": pl.col("vmware.method"),
        "vmware.module": pl.col("vami_module"),
    }


_DATASET = (
    pl.when(pl.col("number").is_not_null())
    .then(pl.lit("vmware.event"))
    .when(pl.col("type").is_not_null())
    .then(pl.lit("vmware.sso"))
    .when(pl.col("vami_word").is_not_null())
    .then(pl.lit("vmware.vami"))
    .otherwise(pl.lit("vmware.vpxd"))
)
_MAKING = Making(
    dataset=_DATASET, log_sources=pl.lit(logsource_column(_VCENTER)), ecs=_ecs(), own=_own(), words=("type", "word", "level")
)  # fmt: skip

PARSER = Parser(
    name="vmware_vcenter",
    log_sources=(_VCENTER,),
    signature=Signature(
        pattern=f"{tagged(_NAMES, bare=False)}|{_FILES}|{_EVENTS}",
        rank=14,
        any_text=(
            "vpxd", "eventmonitor", "vm", "sso-admin", "audit_events", "vsphere", "applmgmt", "vami", "vapi", "vcha", "vstats",
            "vsan-health", "vlcm", "updatemgr", "vum", "content-library", "analytics", "eam", "sps", "pschealth", "wcp", "vcsa",
            "certificatemanagement", "trustmanagement", "rhttpproxy", "envoy-", "lookupsvc", "Event [", '{"user":"', ":INFO:",
            ":DEBUG:", ":WARN", ":ERROR:", ":CRITICAL:", "]INFO", "]DEBUG", "]WARN", "]ERROR",
            "] INFO", "] DEBUG", "] WARN", "] ERROR",
        ),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("message",),
    assembly=Continuation(start=STARTS),
)  # fmt: skip
