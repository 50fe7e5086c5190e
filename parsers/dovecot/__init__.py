r"""Dovecot 2.2 to 2.4: log-ins to mailboxes and their failures, sessions, deliveries, Sieve forwards.

How to send it here: Dovecot writes to syslog facility ``mail`` (``syslog_facility``); forward that facility with rsyslog
(``mail.* action(type="omfwd" target="COLLECTOR" port="6514" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format")``). With
``log_path = /var/log/dovecot.log`` the file itself is read. Worth setting: ``auth_verbose = yes`` (why a password was refused),
plugin ``mail_log`` (what was deleted and copied). Reference: Dovecot manual, "Logging", "Login processes", "Event reasons".

Read: ``*-login`` (imap, pop3, managesieve, submission), auth and auth-worker, the ends of sessions with their bytes (``in`` is
what the client sent), lmtp and lda deliveries, Sieve (forwards, vacation, discards), mail_log, master, errors of any service.
``event.action`` is ``mail_login``; a failure may stand for several attempts, ``event.count`` says how many.
``mail_password_check`` is auth's own line about the same failure. ``mail_login_abandoned``: a client left
without trying a password.

Speed: about 150,000 lines per CPU-second, not 200,000: a header, then sentences of many optional parts.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.unwrap import tagged
from parsers.dovecot.sentences import AUTH, LOGIN, SERVICE, SESSION

__all__ = ["PARSER"]

_SOURCES = (LogSource("dovecot", "", "mail"), LogSource("linux", "", "syslog"))
_SAYS = {"observer.vendor": "Dovecot", "observer.product": "Dovecot", "observer.type": "mail"}


def _services(names: str, phrases: tuple[Phrase, ...]) -> Program:
    return Program("dovecot.mail", _SOURCES, tuple(names.split()), phrases, _SAYS)


_PROGRAMS = (
    _services("login", LOGIN),
    _services("auth", AUTH),
    _services("session", SESSION),
    _services("dovecot", SERVICE),
)
_SERVICE = r"^([a-z0-9-]+)(?:\(|<|:)"
_KINDS = {"auth": "auth", "auth-worker": "auth"} | dict.fromkeys(
    [
        "imap",
        "pop3",
        "lmtp",
        "lda",
        "managesieve",
        "submission",
        "indexer-worker",
        "doveadm",
        "imap-hibernate",
        "quota-status",
        "imap-urlauth",
    ],
    "session",
)
_FILE_TAG = (
    r"(?:(?:imap|pop3|managesieve|submission)-login|(?:imap|pop3|lmtp|lda|managesieve|submission|indexer-worker"
    r"|auth-worker|doveadm)"
    r"\([^)]{0,200}\)(?:<[^>]{0,40}>){0,2}|lmtp|auth|master): (?:Info|Warning|Error|Debug|Fatal|Panic)"
)
_FILE = rf"^\s*((?:[A-Z][a-z]{{2}} {{1,2}}[0-9]{{1,2}}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[T ][0-9:.]{{8,15}}) ({_FILE_TAG}: )"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    return read_programs(_as_syslog(raw), want, _PROGRAMS, changed=_kinds)


def _as_syslog(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` with the lines of Dovecot's own file as syslog would have them, in which the tag stands."""
    is_file = raw.get_column("text").str.contains(_FILE)
    if not is_file.any():
        return raw
    tagged_text = pl.col("text").str.replace(_FILE, "${1} dovecot: ${2}").str.replace(r"^([0-9-]{10}) ", "${1}T")
    return raw.with_columns(pl.when(pl.lit(is_file)).then(tagged_text).otherwise("text").alias("text"))


def _kinds(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with the kind of their service as the program; another program's line stays that program's."""
    service = pl.col("text").str.extract(_SERVICE)
    kind = (
        pl.when(service.str.ends_with("-login")).then(pl.lit("login")).otherwise(service.replace_strict(_KINDS, default=None))
    )
    is_ours = pl.col("program").str.starts_with("dovecot")
    return lines.with_columns(
        pl.when(is_ours).then(pl.coalesce(kind, pl.lit("dovecot"))).alias("program"),
    )


PARSER = Parser(
    name="dovecot",
    log_sources=_SOURCES,
    signature=Signature(
        pattern=f"{tagged('dovecot(?:-[a-z]+)?')}|{tagged(_FILE_TAG)}|{_FILE}",
        rank=10,
        tags=("dovecot",),
        any_text=("dovecot", *(f": {level}: " for level in ("Info", "Warning", "Error", "Debug", "Fatal", "Panic"))),
    ),
    maturity=Maturity.PROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)
