r"""Mail filters beside the mail server: amavis, SpamAssassin's spamd, Rspamd, OpenDKIM, OpenDMARC.

Versions: amavisd-new 2.6 to amavis 2.13, Rspamd 1.8 to 3, OpenDKIM 2.10, OpenDMARC 1.3 and 1.4. How to send it here: all
write to syslog facility ``mail``: ``mail.* action(type="omfwd" target="COLLECTOR" port="6514" protocol="tcp"
template="RSYSLOG_SyslogProtocol23Format")``; Rspamd with ``type = "syslog"; facility = "mail";`` in ``local.d/logging.inc``, or
its file ``/var/log/rspamd/rspamd.log``. Reference: amavis "README.customize" (log templates), Rspamd "Logging settings",
manual pages opendkim(8), opendmarc(8).

Read: amavis' result lines by key, in any order behind the recipients; Rspamd's line of each task in its default format (other
``log_format`` settings give ``filter_message``); signatures and policies. ``email.local_id`` is the mail server's queue id. A
virus (amavis INFECTED, Rspamd's antivirus symbols) feeds rules of ``category: antivirus`` (``Signature``, ``Action``).

Speed: about 120,000 lines per CPU-second, not 200,000: results name a dozen keys in an order that differs by version.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.programs import declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.times import to_utc, zone_of
from parsers.mail_filter.amavis import AMAVIS, SPAMD
from parsers.mail_filter.amavis import VIRUS as AMAVIS_VIRUS
from parsers.mail_filter.dkim import DKIM, DMARC
from parsers.mail_filter.rspamd import FILE, RSPAMD
from parsers.mail_filter.rspamd import VIRUS as RSPAMD_VIRUS

__all__ = ["PARSER"]

_PROGRAMS = (RSPAMD, AMAVIS, SPAMD, DKIM, DMARC)
_PRINTED = r"(?s)^(?P<stamp>[0-9-]{10} [0-9:.]{8,15}) #(?P<pid>[0-9]+)\([^)]*\) (?P<said>.*)$"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=FILE, changed=lambda lines: _dated(lines, zone))


def _dated(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines of Rspamd's own file without the time and the process before them."""
    parts = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    if not parts.get_column("said").is_not_null().any():
        return lines
    moments = parts.select(to_utc(pl.col("stamp"), ("%Y-%m-%d %H:%M:%S%.f",), zone=zone)).to_series()
    is_file = parts.get_column("said").is_not_null()
    return lines.with_columns(
        pl.coalesce(pl.lit(parts.get_column("said")), "text").alias("text"),
        pl.coalesce(pl.lit(parts.get_column("pid")), "syslog.pid").alias("syslog.pid"),
        pl.when(pl.lit(is_file)).then(pl.lit(moments)).otherwise("moment").alias("moment"),
    )


PARSER = Parser(
    name="mail_filter",
    log_sources=(*dict.fromkeys(source for program in _PROGRAMS for source in program.log_sources), AMAVIS_VIRUS, RSPAMD_VIRUS),
    signature=Signature(
        pattern=rf"{tagged('amavisd?', 'rspamd', 'opendkim', 'opendmarc', 'spamd')}|{FILE}(?:<[^>]*>; )?[A-Za-z0-9_]+; ",
        rank=10,
        any_text=("amavis", "rspamd", "opendkim", "opendmarc", "spamd", "; task; ", ") <"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)
