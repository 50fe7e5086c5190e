"""What audit fields mean: ECS columns, and the fields of Sigma's process, file and network categories."""

from functools import cache
from ipaddress import IPv6Address

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.values import address, integer

__all__ = ["CONTEXT", "MAIN_SOURCES", "NEEDED", "WORDS", "main_columns", "path_columns", "socket_columns"]

_AUDITD = LogSource("linux", "", "auditd")
_PROCESS = LogSource("linux", "process_creation", "auditd")
_FILE = LogSource("linux", "file_event", "auditd")
_NETWORK = LogSource("linux", "network_connection", "auditd")
MAIN_SOURCES = (_AUDITD, _PROCESS, _FILE, _NETWORK)

#: What a PATH record borrows from the records beside it: who did it, with what, under which rule.
CONTEXT = (
    *("SYSCALL", "success", "exit", "ppid", "pid", "auid", "uid", "gid", "euid", "egid", "suid", "fsuid", "tty", "ses"),
    *("comm", "exe", "key", "cwd", "AUID", "UID", "GID", "EUID"),
)
#: Fields the columns here are made of: read even when nobody wants them as they are.
NEEDED = frozenset(
    {
        *CONTEXT,
        "acct",
        "addr",
        "hostname",
        "res",
        "op",
        "cmd",
        "unit",
        "proctitle",
        "terminal",
        "name",
        "nametype",
        "mode",
        "saddr",
    }
    | {"SADDR", "id", "grp", "type", "seresult", "apparmor", "path", "ouid"}
)

#: Fields with few different values.
WORDS = ("_kind", "_call", "SYSCALL", "success", "res", "seresult", "apparmor", "nametype")

_UNKNOWN = ["", "?", "(null)", "(none)", "unset", "4294967295", "-1"]
_CATEGORIES = (
    (r"^(?:USER_AUTH|USER_LOGIN|USER_ACCT|USER_ERR|LOGIN|ANOM_LOGIN.*)$", ("authentication",)),
    (r"^(?:USER_START|USER_END|USER_LOGOUT|CRED_.*)$", ("authentication", "session")),
    (r"^(?:ADD_|DEL_|GRP_|CHUSER|CHGRP|USER_MGMT|USER_CHAUTHTOK|ACCT_|ROLE_)", ("iam",)),
    (r"^(?:CONFIG_CHANGE|DAEMON_|MAC_|NETFILTER_CFG|SERVICE_|SYSTEM_|KERN_MODULE|BPF|TIME_)", ("configuration",)),
    (r"^(?:AVC|USER_AVC|SELINUX_ERR|APPARMOR_|ANOM_|SECCOMP|INTEGRITY_)", ("intrusion_detection",)),
    (r"^(?:USER_CMD|EXECVE|SYSCALL|TTY|USER_TTY|PROCTITLE)$", ("process",)),
)


def _known(name: str) -> pl.Expr:
    return pl.when(~pl.col(name).is_in(_UNKNOWN)).then(pl.col(name))


def _name_of(identity: str, number: str) -> pl.Expr:
    """Return the user's name the enriched log gives, else root for 0."""
    return pl.coalesce(_known(identity), pl.when(pl.col(number) == "0").then(pl.lit("root")))


@cache
def main_columns() -> dict[str, pl.Expr]:
    """Return the ECS and Sigma columns of an event from its own fields and those of ``_heads``."""
    action = pl.coalesce(pl.when(_is_call()).then(pl.col("SYSCALL")), pl.col("_kind").str.to_lowercase())
    return {
        "logsource": _source(),
        "event.kind": pl.lit("event"),
        "event.action": action,
        "event.code": pl.col("_kind"),
        "event.category": _category(pl.col("_kind")),
        "event.outcome": _outcome(),
        "event.reason": _known("op"),
        "host.name": pl.col("_host"),
        "process.pid": integer(pl.col("pid")),
        "process.parent.pid": integer(pl.col("ppid")),
        "process.name": _known("comm"),
        "process.executable": _known("exe"),
        "process.command_line": _command_line(),
        "process.args": pl.when(pl.col("_args").list.len() > 0).then(pl.col("_args")),
        "process.working_directory": _known("cwd"),
        "user.id": _known("uid"),
        "user.name": pl.coalesce(pl.when(~_is_account()).then(_known("acct")), _name_of("UID", "uid")),
        "user.effective.name": _name_of("EUID", "euid"),
        "user.target.name": pl.when(_is_account()).then(pl.coalesce(_known("acct"), _known("id"))),
        "group.name": _known("grp"),
        "service.name": _known("unit"),
        "session.id": _known("ses"),
        "source.ip": address(_known("addr")),
        "rule.name": _known("key"),
        "destination.ip": pl.when(pl.col("SYSCALL") == "connect").then(address(pl.col("_laddr"))),
        "destination.port": pl.when(pl.col("SYSCALL") == "connect").then(integer(pl.col("_lport"), above=0)),
        **_sigma(),
    }


@cache
def _sigma() -> dict[str, pl.Expr]:
    """Return the fields of Sigma's process_creation and network_connection; null where the event is neither."""
    is_process, is_connection = _is_process(), _is_connection()
    fields = {
        "Image": _known("exe"),
        "User": pl.coalesce(_name_of("EUID", "euid"), _known("euid"), _known("uid")),
        "ProcessId": pl.col("pid"),
        "ParentProcessId": pl.col("ppid"),
        "LogonId": pl.col("ses"),
        "CurrentDirectory": _known("cwd"),
    }
    either = {name: pl.when(is_process | is_connection).then(value) for name, value in fields.items()}
    return {
        **either,
        "CommandLine": pl.when(is_process).then(_command_line()),
        "DestinationIp": pl.when(is_connection).then(address(pl.col("_laddr"))),
        "DestinationPort": pl.when(is_connection).then(pl.col("_lport")),
        "Initiated": pl.when(is_connection).then(pl.lit("true")),
    }


@cache
def path_columns() -> dict[str, pl.Expr]:
    """Return the ECS and Sigma columns of one PATH record, with the fields of ``CONTEXT`` beside its own."""
    is_creation = pl.col("nametype") == "CREATE"
    full = pl.when(pl.col("name").str.starts_with("/")).then(pl.col("name")).otherwise(_joined())
    path = pl.when(~pl.col("name").is_in(_UNKNOWN)).then(full)
    sources = pl.when(is_creation).then(pl.lit(logsource_column(_AUDITD, _FILE))).otherwise(pl.lit(str(_AUDITD)))
    return {
        "logsource": sources,
        "event.kind": pl.lit("event"),
        "event.action": pl.coalesce(pl.col("SYSCALL"), pl.lit("path")),
        "event.code": pl.lit("PATH"),
        "event.category": pl.lit(["file"], dtype=pl.List(pl.String)),
        "event.type": pl.when(is_creation)
        .then(pl.lit(["creation"]))
        .when(pl.col("nametype") == "DELETE")
        .then(pl.lit(["deletion"])),
        "event.outcome": _outcome(),
        "host.name": pl.col("_host"),
        "file.path": path,
        "file.name": path.str.extract(r"([^/]+)/?$"),
        "process.pid": integer(pl.col("pid")),
        "process.parent.pid": integer(pl.col("ppid")),
        "process.name": _known("comm"),
        "process.executable": _known("exe"),
        "user.id": _known("uid"),
        "user.name": _name_of("UID", "uid"),
        "user.effective.name": _name_of("EUID", "euid"),
        "session.id": _known("ses"),
        "rule.name": _known("key"),
        "TargetFilename": pl.when(is_creation).then(path),
        "Image": pl.when(is_creation).then(_known("exe")),
        "User": pl.when(is_creation).then(_name_of("EUID", "euid")),
    }


def _joined() -> pl.Expr:
    relative = pl.col("name").str.strip_prefix("./")
    joined = pl.concat_str(pl.col("cwd").str.strip_chars_end("/"), relative, separator="/")
    return pl.coalesce(pl.when(~pl.col("cwd").is_in(_UNKNOWN)).then(joined), pl.col("name"))


def _is_call() -> pl.Expr:
    return pl.col("SYSCALL").is_not_null() & pl.col("_call").is_not_null()


def _is_account() -> pl.Expr:
    return pl.col("_kind").str.contains(r"^(?:ADD_|DEL_|GRP_|USER_MGMT|USER_CHAUTHTOK|ACCT_)").fill_null(value=False)


def _is_process() -> pl.Expr:
    """Say whether a program was started: a call that failed started none, a record alone says nothing else."""
    started = pl.col("SYSCALL").is_in(["execve", "execveat"]) & (pl.col("success") != "no")
    return (_is_call() & started & ~pl.col("exe").is_in(_UNKNOWN)).fill_null(value=False)


def _is_connection() -> pl.Expr:
    return (_is_call() & (pl.col("SYSCALL") == "connect") & pl.col("_laddr").is_not_null()).fill_null(value=False)


def _source() -> pl.Expr:
    process = pl.when(_is_process()).then(pl.lit(logsource_column(_AUDITD, _PROCESS)))
    return process.when(_is_connection()).then(pl.lit(logsource_column(_AUDITD, _NETWORK))).otherwise(pl.lit(str(_AUDITD)))


def _command_line() -> pl.Expr:
    return pl.coalesce(
        pl.when(pl.col("_args").list.len() > 0).then(pl.col("_args").list.join(" ")), _known("proctitle"), _known("cmd")
    )


def _category(kind: pl.Expr) -> pl.Expr:
    found = pl.lit(None, dtype=pl.List(pl.String))
    for pattern, category in reversed(_CATEGORIES):
        found = pl.when(kind.str.contains(pattern)).then(pl.lit(list(category), dtype=pl.List(pl.String))).otherwise(found)
    return found


def _outcome() -> pl.Expr:
    word = pl.coalesce(pl.col("res"), pl.col("success"), pl.col("seresult"), pl.col("apparmor")).str.to_lowercase()
    words = {"success": "success", "yes": "success", "1": "success", "granted": "success", "allowed": "success"}
    words |= {"failed": "failure", "no": "failure", "0": "failure", "denied": "failure"}
    return word.replace_strict(words, default=None, return_dtype=pl.String)


def socket_columns(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` plus ``_laddr`` and ``_lport``, read from the socket address: interpreted, else hexadecimal.

    Each distinct IPv6 address passes through Python once, to be written in its short form.
    """
    said, raw = pl.col("SADDR"), pl.col("saddr").str.to_uppercase()
    octets = [raw.str.slice(8 + 2 * place, 2).str.to_integer(base=16, strict=False).cast(pl.String) for place in range(4)]
    is_v4, is_v6 = raw.str.contains(r"^0200[0-9A-F]{12}"), raw.str.contains(r"^0A00[0-9A-F]{44}")
    port = pl.when(is_v4 | is_v6).then(raw.str.slice(4, 4)).str.to_integer(base=16, strict=False).cast(pl.String)
    long = fields.select(pl.when(is_v6).then(raw.str.slice(16, 32))).to_series()
    short = {text: str(_unmapped(IPv6Address(int(text, 16)))) for text in long.drop_nulls().unique()}
    v6 = long.replace_strict(short, default=None, return_dtype=pl.String)
    v4 = pl.when(is_v4).then(pl.concat_str(octets, separator="."))
    return fields.with_columns(
        pl.coalesce(said.str.extract(r"\bladdr=(\S+)"), v4, v6).alias("_laddr"),
        pl.coalesce(said.str.extract(r"\blport=([0-9]+)"), port).alias("_lport"),
    )


def _unmapped(ip: IPv6Address) -> object:
    return ip.ipv4_mapped or ip
