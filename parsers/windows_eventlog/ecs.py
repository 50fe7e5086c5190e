"""ECS columns, computed once for all events of a call, whatever their channel: a table of the few fields they come from.

Each event kind is a slice of that table; columns that are null throughout a slice are left out of its frame.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import polars as pl

from correlator.parse.formats.values import address

from .channels import DEFENDER, REMOTE_DESKTOP, SECURITY, SYSMON
from .codes import AUDIT_FAILURE, AUDIT_SUCCESS, FAILURES, KERBEROS
from .own import integer

__all__ = ["NEEDED", "ecs_columns"]

# ECS column → the own fields it is read from; the first that says something wins.
_TEXTS = {
    "process.executable": (
        "Image",
        "NewProcessName",
        "SourceImage",
        "ProcessName",
        "Process Name",
        "Application",
        "CallerProcessName",
    ),
    "process.command_line": ("CommandLine", "HostApplication"),
    "process.working_directory": ("CurrentDirectory",),
    "process.parent.executable": ("ParentImage", "ParentProcessName"),
    "process.parent.command_line": ("ParentCommandLine",),
    "process.hash.md5": ("md5",),
    "process.hash.sha1": ("sha1",),
    "process.hash.sha256": ("sha256",),
    "registry.data.strings": ("Details",),
    "dns.question.name": ("QueryName", "QNAME"),
    "destination.domain": ("DestinationHostname",),
    "source.domain": ("SourceHostname", "WorkstationName", "Workstation", "ClientName"),
    "service.name": ("ServiceName",),
    "resource.name": ("TaskName", "ShareName", "ObjectDN"),
    "threat.indicator.name": ("Threat Name",),
    "error.code": ("SubStatus", "Status", "Error Code"),
    "event.provider": ("@Provider_Name",),
    "winlog.provider_name": ("@Provider_Name",),
    "winlog.computer_name": ("@Computer",),
    "winlog.activity_id": ("ActivityID",),
    "winlog.task": ("@task",),
    "winlog.opcode": ("@opcode",),
    "message": ("Message",),
}
_ADDRESSES = {
    "source.ip": ("IpAddress", "SourceIp", "SourceAddress", "ClientAddress", "Address", "Param3"),
    "destination.ip": ("DestinationIp", "DestAddress"),
}
_NUMBERS = {
    "source.port": ("IpPort", "SourcePort"),
    "destination.port": ("DestinationPort", "DestPort"),
    "process.pid": ("ProcessId", "SourceProcessId", "ProcessID"),
    "process.parent.pid": ("ParentProcessId",),
    "winlog.record_id": ("EventRecordID",),
}
_IDENTIFIERS = {
    "process.entity_id": ("ProcessGuid", "SourceProcessGuid", "SourceProcessGUID"),
    "process.parent.entity_id": ("ParentProcessGuid",),
}
# Accounts an event names when it has no Subject or Target: DOMAIN\name, name@realm, or a name.
_ACCOUNTS = ("User", "SourceUser", "Detection User", "UserName", "UserContext")
_SESSION_ACCOUNT = "AccountName"  # of 4778; on other channels the account a service is to run as
_DESKTOP_ACCOUNT = "Param1"  # of 1149
_OTHERS = (
    "@Keywords", "@Level", "@SystemTime", "UtcTime", "TargetUserName", "TargetDomainName", "TargetUserSid", "TargetSid",
    "TargetLogonId", "SubjectUserName", "SubjectDomainName", "SubjectUserSid", "SubjectLogonId", "LogonId", "MemberName",
    "MemberSid", "OldTargetUserName", "NewTargetUserName", "TargetFilename", "ImageLoaded", "ObjectName", "ObjectType",
    "ObjectValueName", "RelativeTargetName", "PipeName", "Path", "TargetObject", "Initiated", "Protocol", "Direction",
    "param1", "Param2", "Security_UserID", "EventType",
)  # fmt: skip

#: Every field of a record that ECS columns are read from.
NEEDED = frozenset(
    {
        *_OTHERS,
        *_ACCOUNTS,
        _SESSION_ACCOUNT,
        _DESKTOP_ACCOUNT,
        *(name for table in (_TEXTS, _ADDRESSES, _NUMBERS, _IDENTIFIERS) for names in table.values() for name in names),
    }
)

_LEVELS = {"0": "information", "1": "critical", "2": "error", "3": "warning", "4": "information", "5": "verbose"}
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp", "tcp": "tcp", "udp": "udp"}
_DIRECTIONS = {"%%14592": "ingress", "%%14593": "egress", "true": "egress", "false": "ingress"}
_VALUE = "value"
_NOBODY = "S-1-0-0"
_NOTHING = ["", "-", "N/A", "(null)"]


def ecs_columns(signals: pl.DataFrame) -> pl.DataFrame:
    """Return the ECS columns of ``signals``: NEEDED fields as text, ``@channel``, ``@id`` and ``@role`` (see ``actions``)."""
    there = frozenset(signals.columns)
    named = signals.with_columns(_Table(there).named().alias("@named"))
    worked_out = [
        column
        for name, (source, _) in _BY_VALUE.items()
        if source in there or source == "@named"
        for column in _of_values(named, name)
    ]
    numbers = [_integers(named.get_column(name)).alias(f"@number {name}") for name in _ALL_NUMBERS if name in there]
    table = named.hstack([*worked_out, *numbers])
    columns = table.select(_expressions(frozenset(table.columns)))
    return columns.with_columns(
        _by_value(columns.get_column(path), {name: pl.col(_VALUE).str.extract(r"([^\\/]+)$")})[0]
        for name, path in _TAILS.items()
    )


@lru_cache(maxsize=256)
def _expressions(there: frozenset[str]) -> tuple[pl.Expr, ...]:
    """Return the expressions of all ECS columns, for a table that has the columns ``there``."""
    table = _Table(there)
    exprs = {
        **dict(table.plain()),
        **table.host(),
        **table.people(),
        **table.acted_on(),
        **table.things(),
        **table.network(),
        **table.verdicts(),
    }
    return tuple(expr.alias(name) for name, expr in exprs.items())


# The last parts of paths, which ECS gives a column of their own.
_TAILS = {
    "process.name": "process.executable",
    "process.parent.name": "process.parent.executable",
    "file.name": "file.path",
}


def _of_values(table: pl.DataFrame, name: str) -> list[pl.Series]:
    source, exprs = _BY_VALUE[name]
    return _by_value(table.get_column(source), exprs)


def _by_value(column: pl.Series, exprs: Mapping[str, pl.Expr]) -> list[pl.Series]:
    """Return the ``exprs`` of the column ``_VALUE``, worked out once for each distinct text of ``column``: few differ."""
    values = column.unique().to_frame(_VALUE).with_columns(expr.alias(name) for name, expr in exprs.items())
    joined = column.to_frame(_VALUE).join(values, on=_VALUE, how="left", nulls_equal=True, maintain_order="left")
    return joined.get_columns()[1:]


def _integers(column: pl.Series) -> pl.Series:
    """Return number texts as ``integer`` does; most are plain decimals, the others are read after."""
    numbers = column.cast(pl.Int64, strict=False)
    if numbers.null_count() == column.null_count():
        return numbers
    others = (numbers.is_null() & column.is_not_null()).arg_true()
    return numbers.scatter(others, column.gather(others).to_frame(_VALUE).select(integer(_VALUE)).to_series())


class _Table:
    """The fields of the events at hand; a field that no event has is null."""

    def __init__(self, there: frozenset[str]) -> None:
        self._has = there

    def known(self, name: str) -> pl.Expr:
        """Return a column that was worked out before; null where there was nothing to work it out of."""
        return pl.col(name) if name in self._has else _null()

    def first(self, *names: str) -> pl.Expr:
        """Return the first of ``names`` that says something; null where none does."""
        present = [_said(pl.col(name)) for name in names if name in self._has]
        return pl.coalesce(present) if present else pl.lit(None, pl.String)

    def plain(self) -> Iterator[tuple[str, pl.Expr]]:
        """Yield the columns that are one field under another name."""
        for column, names in _TEXTS.items():
            yield column, self.first(*names)
        for column, names in _ADDRESSES.items():
            yield column, pl.coalesce(self.known(f"@address {name}") for name in names)
        for column, names in _NUMBERS.items():
            numbers = [pl.col(f"@number {name}") for name in names if name in self._has]
            number = pl.coalesce(numbers or [pl.lit(None, pl.Int64)])
            yield column, pl.when(number > 0).then(number)
        for column, names in _IDENTIFIERS.items():
            yield column, self.first(*names).str.strip_chars("{}").str.to_lowercase()

    def host(self) -> dict[str, pl.Expr]:
        """Return the machine the event happened on."""
        return {name: self.known(f"@{name}") for name in ("host.name", "host.hostname", "host.domain")}

    def people(self) -> dict[str, pl.Expr]:
        """Return who acted (``user.*``) and in which session, by the role of the event."""
        is_target = pl.col("@role") == "target"
        subject, target, named = (self.known(f"@{name} name") for name in ("subject", "target", "named"))
        actor = pl.coalesce(pl.when(pl.col("@role") == "process").then(named), subject, named)
        logged_on = pl.coalesce(target, subject, named)
        anybody = pl.coalesce(actor, pl.when(pl.col("@role") != "group").then(target))
        session = pl.when(is_target).then(self.first("TargetLogonId")).otherwise(self.first("SubjectLogonId", "LogonId"))
        of_record = pl.when(pl.col("@channel") != SYSMON).then(self.first("Security_UserID"))  # Sysmon's own account
        of_event = pl.coalesce(pl.when(~is_target).then(self.first("SubjectUserSid")), self._target_id())
        sid = pl.coalesce(pl.when(of_event != _NOBODY).then(of_event), of_record)
        return {
            "user.name": pl.when(is_target).then(logged_on).otherwise(anybody),
            "user.domain": self._user_domain(is_target),
            "user.id": pl.when(pl.col("@role") != "process").then(sid),
            "user.effective.name": pl.when(is_target & (subject != target)).then(subject),
            "session.id": session,
        }

    def acted_on(self) -> dict[str, pl.Expr]:
        """Return on whom somebody acted: ``user.target.*``, and ``group.*`` with the member as target."""
        is_group = pl.col("@role") == "group"
        is_account = (pl.col("@role") == "manage") & self.first("SubjectUserName").is_not_null()
        target = self.known("@target name")
        account = pl.coalesce(target, self.first("NewTargetUserName", "OldTargetUserName"))
        member = pl.when(is_group).then(_member(self.first("MemberName")))
        return {
            "user.target.name": pl.when(is_account).then(account).otherwise(member),
            "user.target.domain": pl.when(is_account).then(self.first("TargetDomainName")),
            "user.target.id": pl.when(is_account).then(self._target_id()).when(is_group).then(self.first("MemberSid")),
            "group.name": pl.when(is_group).then(target),
            "group.id": pl.when(is_group).then(self.first("TargetSid")),
        }

    def named(self) -> pl.Expr:
        """Return the account that an event without Subject names."""
        session = pl.when(pl.col("@channel") == SECURITY).then(self.first(_SESSION_ACCOUNT))
        desktop = pl.when(pl.col("@channel") == REMOTE_DESKTOP).then(self.first(_DESKTOP_ACCOUNT))
        return pl.coalesce(self.first(*_ACCOUNTS), session, desktop)

    def _target_id(self) -> pl.Expr:
        return self.first("TargetUserSid", "TargetSid")

    def _user_domain(self, is_target: pl.Expr) -> pl.Expr:
        realm, before, after = (self.known(name) for name in ("@target realm", "@named before", "@named after"))
        of_target = pl.coalesce(self.first("TargetDomainName"), realm)
        of_process = pl.when(pl.col("@role") == "process").then(before)
        of_subject = pl.coalesce(of_process, self.first("SubjectDomainName"), before, after, self.first("Param2"))
        return pl.when(is_target).then(of_target).otherwise(of_subject)

    def things(self) -> dict[str, pl.Expr]:
        """Return files, registry keys and services that were touched."""
        kind, name = self.first("ObjectType"), self.first("ObjectName")
        share = pl.concat_str(self.first("ShareName"), self.first("RelativeTargetName"), separator="\\")
        path = self.first("Path")
        is_defender = pl.col("@channel") == DEFENDER
        of_path = pl.when(is_defender).then(path.str.extract(r"file:_([^;]+)")).when(_is_script()).then(path)
        file = pl.coalesce(
            self.first("TargetFilename", "ImageLoaded"),
            pl.when(kind == "File").then(name),
            share,
            self.first("PipeName"),
            of_path,
        )
        value = pl.concat_str(name, self.first("ObjectValueName"), separator="\\")
        key = pl.when((kind == "Key") | (pl.col("@id") == "4657")).then(pl.coalesce(value, name))
        in_system = (pl.col("@channel") == "system") & pl.col("@id").is_in(["7036", "7040"])
        return {
            "file.path": file,
            "registry.path": pl.coalesce(self.first("TargetObject"), key),
            "service.name": pl.coalesce(self.first("ServiceName"), pl.when(in_system).then(self.first("param1"))),
        }

    def network(self) -> dict[str, pl.Expr]:
        """Return transport and direction of a connection."""
        protocol = self.first("Protocol").str.to_lowercase()
        return {
            "network.transport": protocol.replace_strict(_PROTOCOLS, default=None, return_dtype=pl.String),
            "network.direction": self.first("Initiated", "Direction").str.to_lowercase()
            .replace_strict(_DIRECTIONS, default=None, return_dtype=pl.String),
        }  # fmt: skip

    def verdicts(self) -> dict[str, pl.Expr]:
        """Return level, outcome and the reason of a refusal."""
        code = pl.coalesce(_refusal(self.first("SubStatus")), _refusal(self.first("Status")))
        kerberos = pl.col("@id").is_in(["4768", "4769", "4771"]) & (pl.col("@channel") == "security")
        return {
            "log.level": self.first("@Level").replace_strict(_LEVELS, default=None, return_dtype=pl.String),
            "event.outcome": pl.coalesce(self.known("@audited"), pl.col("@outcome")),
            "event.reason": pl.when(kerberos).then(code.replace_strict(KERBEROS, default=None, return_dtype=pl.String))
            .otherwise(code.replace_strict(FAILURES, default=None, return_dtype=pl.String)),
        }  # fmt: skip


def _is_script() -> pl.Expr:
    """Say where ``Path`` is a script: elsewhere it is a task, a package, a list of findings."""
    return pl.col("@channel").is_in(["microsoft-windows-powershell/operational", "powershellcore/operational"])


def _refusal(code: pl.Expr) -> pl.Expr:
    """Return a status code in lower case; null where it means success."""
    lower = code.str.to_lowercase()
    return pl.when(~lower.is_in(["0x0", "0x00000000", "0"])).then(lower)


def _null() -> pl.Expr:
    return pl.lit(None, pl.String)


def _said(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.is_in(_NOTHING)).then(text)


def _name(account: pl.Expr) -> pl.Expr:
    r"""Return the name alone of ``DOMAIN\name`` or ``name@REALM``."""
    return account.str.extract(r"^(?:[^\\]*\\)?([^\\@]+|@.+)")


def _member(name: pl.Expr) -> pl.Expr:
    """Return the common name of a distinguished name, else the name."""
    common = name.str.extract(r"(?i)^CN=((?:[^,\\]|\\.)+)").str.replace_all(r"\\(.)", "$1")
    return pl.coalesce(common, _name(name))


def _audited(keywords: pl.Expr) -> pl.Expr:
    """Return the outcome that audit keywords say."""
    bits = keywords.str.strip_prefix("0x").str.to_integer(base=16, strict=False, dtype=pl.UInt64)
    return pl.when(bits & AUDIT_SUCCESS != 0).then(pl.lit("success")).when(bits & AUDIT_FAILURE != 0).then(pl.lit("failure"))


_SAID = _said(pl.col(_VALUE))
# What is worked out once for each distinct text of a column: name → column, results.
_BY_VALUE: Mapping[str, tuple[str, Mapping[str, pl.Expr]]] = {
    "host": (
        "@Computer",
        {
            "@host.name": _SAID.str.to_lowercase(),
            "@host.hostname": _SAID.str.to_lowercase().str.extract(r"^([^.]+)"),
            "@host.domain": _SAID.str.to_lowercase().str.extract(r"^[^.]+\.(.+)$"),
        },
    ),
    "subject": ("SubjectUserName", {"@subject name": _name(_SAID)}),
    "target": ("TargetUserName", {"@target name": _name(_SAID), "@target realm": _SAID.str.extract(r"@(.+)$")}),
    "named": (
        "@named",
        {
            "@named name": _name(pl.col(_VALUE)),
            "@named before": pl.col(_VALUE).str.extract(r"^([^\\]+)\\"),
            "@named after": pl.col(_VALUE).str.extract(r"^[^\\@]+@(.+)$"),
        },
    ),
    "audited": ("@Keywords", {"@audited": _audited(_SAID)}),
    **{name: (name, {f"@address {name}": address(pl.col(_VALUE))}) for names in _ADDRESSES.values() for name in names},
}
_ALL_NUMBERS = tuple(name for names in _NUMBERS.values() for name in names)
