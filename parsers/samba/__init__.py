r"""Samba 4.7 to 4.22, file server and domain controller: what was done to files, who logged in, what changed in the directory.

How to send it here: in ``smb.conf``, ``[global]``: ``logging = syslog@3 file``, ``log level = 1 auth_json_audit:3
dsdb_json_audit:5 dsdb_password_json_audit:5 dsdb_group_json_audit:5``; in each share ``vfs objects = full_audit``,
``full_audit:prefix = %u|%I|%m|%S``, ``full_audit:success = mkdirat unlinkat renameat pwrite openat connect disconnect``,
``full_audit:failure = connect openat unlinkat``, ``full_audit:facility = local5``; then forward with rsyslog. Files
``/var/log/samba/log.*`` may be read too. Reference: manual page vfs_full_audit(8), Samba wiki "Setting up Audit Logging".

Read: full_audit with the usual prefixes (user, address, machine, share in any of their orders, and ``IP=…|USER=…``), any
prefix as ``samba.prefix``; JSON records bare, after a syslog header or after Samba's own header line; ``auth_audit`` and dsdb
text. A file name may hold ``|``; of a rename the first path ends at the first ``|``. Not read: Samba's debug output (tag
``phrase_unknown``).

Speed: about 170,000 lines per CPU-second, not 200,000, as paths are put together; JSON is nested and costs more.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.objects import flat
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.syslog import envelope
from correlator.parse.formats.unwrap import tagged
from correlator.parse.times import to_utc, zone_of
from parsers.samba.objects import MAKING, READ, SOURCE
from parsers.samba.sentences import AUDIT, DAEMON, MADE_OF_AUDIT, MADE_OF_DAEMON

__all__ = ["PARSER"]

_FILES = LogSource("samba", "", "full_audit")
_SYSLOG = LogSource("linux", "", "syslog")
_SAYS = {"observer.vendor": "Samba", "observer.product": "Samba", "network.protocol": "smb"}
_DAEMONS = ("smbd", "smb", "nmbd", "winbindd", "samba", "samba-dcerpcd", "samba-bgqd", "rpcd_lsad", "rpcd_winreg", "samba_kcc")
_PROGRAMS = (
    Program("samba.full_audit", (_FILES, _SYSLOG), ("smbd_audit",), AUDIT, _SAYS, makes=MADE_OF_AUDIT),
    Program("samba.audit", (SOURCE, _SYSLOG), _DAEMONS, DAEMON, _SAYS, makes=MADE_OF_DAEMON),
)
_TYPES = "Authentication|Authorization|dsdbChange|dsdbTransaction|passwordChange|replicatedUpdate|groupChange|KDC Authorization"
_OBJECT = rf'(?s)(\{{[^{{}}]{{0,200}}"type": ?"(?:{_TYPES})".*\}}|\{{ ?"(?:{_TYPES})": ?\{{.*"type": ?"(?:{_TYPES})".*\}})'
_DEBUG = r"^\[[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+,"
_DEBUG_HEADER = r"(?s)^\[([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9:.]+),[^\n]*?\](?: [^\n]*)?\n\s*"
_TEXT = (
    r"(?:Auth|Successful AuthZ|DSDB Change|DSDB Transaction|Password Change|Group Change): ?\["
    r"|(?:DSDB|Password|Group) Change \["
)
_ZONES = {"UTC": "+0000", "GMT": "+0000", "CET": "+0100", "CEST": "+0200", "WET": "+0000", "WEST": "+0100"}
_ISO = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    told = raw.get_column("text").str.extract(_OBJECT)
    is_object = told.is_not_null()
    objects = _objects(raw.filter(is_object), told.drop_nulls(), want) if is_object.any() else None
    if objects is not None and is_object.all():
        return objects
    lines = read_programs(_as_syslog(raw.filter(~is_object)), want, _PROGRAMS, changed=_dated)
    if objects is None:
        return lines
    return Parsed((*objects.events, *lines.events), pl.concat([objects.rejects, lines.rejects]), lines.skipped)


def _objects(raw: pl.DataFrame, told: pl.Series, want: frozenset[str] | None) -> Parsed:
    """Return the events of audit records that are JSON."""
    asked = None if want is None else want | READ
    records = json.read(raw.with_columns(told.alias("text")), asked)
    hosts = envelope(raw).select("raw_row", "syslog.host")
    fields = records.keys.hstack(flat(records.fields)).join(hosts, on="raw_row", how="left", maintain_order="left")
    time = to_utc(pl.col("timestamp"), _ISO, zone=zone_of(raw)) if "timestamp" in fields.columns else pl.col("received")
    return MAKING.parsed(
        fields.drop("received") if "timestamp" in fields.columns else fields,
        time,
        want,
        bad=records.rejects,
        skipped=records.skipped,
        rest=records.fields,
    )


def _as_syslog(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` with Samba's own header line as a syslog header, and one before text that has none."""
    text = raw.get_column("text")
    is_file, is_bare = text.str.contains(_DEBUG), text.str.contains(rf"^\s*(?:{_TEXT})")
    if not (is_file | is_bare).any():
        return raw
    column = pl.col("text")
    headed = column.str.replace(_DEBUG_HEADER, "${1}-${2}-${3}T${4} smbd: ").str.replace(_DEBUG, "smbd: [")
    bare = pl.concat_str(pl.lit("smbd: "), column.str.strip_chars_start())
    return raw.with_columns(
        pl.when(pl.lit(is_file)).then(headed).when(pl.lit(is_bare)).then(bare).otherwise(column).alias("text")
    )


def _dated(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with the time an audit line says itself, where it names a zone that is one offset."""
    said = lines.get_column("text").str.extract_groups(r"\] at ?\[[^,\]]{1,12}, +(?P<day>[^\]]{10,40}?) (?P<zone>[A-Z]{3,4})\]")
    parts = said.struct.unnest()
    if not parts.get_column("zone").is_not_null().any():
        return lines
    offset = pl.col("zone").replace_strict(_ZONES, default=None, return_dtype=pl.String)
    moments = parts.select(to_utc(pl.concat_str("day", offset, separator=" "), ("%d %b %Y %H:%M:%S%.f %z",))).to_series()
    return lines.with_columns(pl.coalesce(pl.lit(moments), "moment").alias("moment"))


PARSER = Parser(
    name="samba",
    log_sources=(_FILES, SOURCE, _SYSLOG),
    signature=Signature(
        pattern=rf"{tagged('smbd_audit|smbd?|nmbd|winbindd|samba(?:[_-][a-z]+)?|rpcd_[a-z]+')}|{_DEBUG}"
        rf"|^\s*(?:\[[^\]]*\][^\n]*\n\s*)?(?:{_TEXT})|^\s*(?:JSON [A-Za-z ]+:"
        rf" )?\{{ ?\"timestamp\": ?\"[0-9T:.+-]+\", ?\"type\": ?\"(?:{_TYPES})\"",
        rank=10,
        tags=("smbd", "smbd_audit", "winbindd"),
        any_text=("smb", "nmbd", "winbindd", "samba", "rpcd_", "Auth", "DSDB", "Change", '"type"', ", "),
        any_of=(
            (
                r"smb|nmbd|winbindd|samba|rpcd_|(?:Auth|AuthZ|Transaction|(?:DSDB|Password|Group) Change):? ?\["
                r'|"timestamp": ?"[0-9T:.+-]+", ?"type"'
            ),
            r"^\[[0-9]{4}/[0-9]{2}/",
        ),
    ),
    maturity=Maturity.PROVED,
    fields={**declared(_PROGRAMS), **MAKING.declared(*READ, "*")},
    parse=_parse,
    required=("observer.product",),
    assembly=Continuation(start=r"^\S"),
)
