r"""Postfix 2.10 to 3.10: mail in, mail out, log-ins and refusals; and the policy services that answer it.

How to send it here: Postfix writes to syslog facility ``mail``. With rsyslog, in ``/etc/rsyslog.d/60-tocsin.conf``:
``mail.* action(type="omfwd" target="COLLECTOR" port="6514" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format")``.
For subjects in the log: ``header_checks = pcre:/etc/postfix/subject`` with ``/^subject:/ WARN``. With ``maillog_file`` the file
itself is read. Reference: the manual pages of each daemon, POSTSCREEN_README, SASL_README, MILTER_README.

Read: smtpd (connections, TLS, SASL, refusals, abuse of the protocol, rate limits), postscreen and dnsblog, cleanup (message id,
header and body checks, milters), qmgr, every delivery agent's ``status=`` line, bounce, pickup, anvil, postfix-script,
postsuper; and of policy services postgrey, policyd-spf, policyd-weight and cbpolicyd.

One message is several lines: ``email.local_id`` (the queue id) joins them; nothing is assembled here. ``event.action`` is
``smtp_login`` for SASL (outcome says how it ended), ``reject``, ``discard``, ``hold``, ``sent``, ``deferred``, ``bounced``,
``expired``; ``smtp.response_code`` and ``smtp.enhanced_status`` are the reply's. A sender ``<>`` is empty: a bounce.

Speed: about 130,000 lines per CPU-second, not 200,000: a header, then one of some sixty sentences, by several searches.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.unwrap import tagged
from parsers.postfix.mail import CLEANUP, DELIVERY, NOTICE, POLICY, POSTSCREEN, QMGR, SYSTEM
from parsers.postfix.smtpd import SMTPD, TLS

__all__ = ["PARSER"]

_SOURCES = (LogSource("postfix", "", "mail"), LogSource("linux", "", "syslog"))
_SAYS = {"observer.vendor": "Postfix", "observer.product": "Postfix", "observer.type": "mail", "network.protocol": "smtp"}


def _daemons(names: str, *phrases: Phrase) -> Program:
    return Program("postfix.mail", _SOURCES, tuple(names.split()), (*phrases, *SYSTEM), _SAYS)


_PROGRAMS = (
    _daemons("smtpd", *SMTPD),
    _daemons("smtp lmtp local virtual pipe error retry discard relay", *DELIVERY),
    _daemons("qmgr nqmgr oqmgr", *QMGR),
    _daemons("cleanup", *CLEANUP),
    _daemons("bounce pickup sendmail postdrop trace defer", *NOTICE),
    _daemons("postscreen dnsblog tlsproxy", *POSTSCREEN),
    _daemons("policyd-spf postgrey policyd-weight cbpolicyd", *POLICY),
    _daemons("postfix", *TLS, *DELIVERY),
)
_TAG = r"(?:postfix[0-9A-Za-z_.-]*(?:/[0-9A-Za-z_.-]+){1,3}|postgrey|policyd-(?:spf|weight)|cbpolicyd)"


_KNOWN = [name for program in _PROGRAMS for name in program.names]


def _services(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with ``postfix`` as the program where a service of Postfix has no sentences of its own."""
    is_other = pl.col("syslog.app").str.starts_with("postfix") & ~pl.col("program").is_in(_KNOWN)
    return lines.with_columns(pl.when(is_other).then(pl.lit("postfix")).otherwise("program").alias("program"))


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    return read_programs(raw, want, _PROGRAMS, changed=_services)


PARSER = Parser(
    name="postfix",
    log_sources=_SOURCES,
    signature=Signature(pattern=tagged(_TAG), rank=10, tags=("postfix",), any_text=("postfix", "postgrey", "policyd")),
    maturity=Maturity.PROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)
