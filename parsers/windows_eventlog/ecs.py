"""ECS columns of the events of one kind: most are a field under another name, the others are worked out text by text.

What is worked out of a text is remembered (``values``): machines, accounts, programs and addresses come again and again.
"""

import re
from collections.abc import Callable

from correlator.parse.formats.values import plain_address

from .actions import OUTCOMES
from .channels import DEFENDER, REMOTE_DESKTOP, SECURITY, SYSMON
from .codes import AUDIT_FAILURE, AUDIT_SUCCESS, FAILURES, KERBEROS
from .combine import Column, coalesced, differing, each, equal, integers, joined_path, mapped, telling, where
from .flat import Flat, Values
from .values import Known, unsigned

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
_KERBEROS_IDS = frozenset({"4768", "4769", "4771"})
_SCRIPTS = frozenset({"microsoft-windows-powershell/operational", "powershellcore/operational"})
_NOBODY = "S-1-0-0"
_SUCCESS = frozenset({"0x0", "0x00000000", "0"})


def ecs_columns(flat: Flat, channel: str, event_id: str, role: str) -> dict[str, Values]:
    """Return the ECS columns of ``flat``, events of one ``channel`` (lower case) and ``event_id``; ``role`` as in ``actions``.

    Columns that no event has a value for are mostly left out.
    """
    kind = _Kind(flat, channel, event_id, role)
    columns = {
        **kind.plain(),
        **kind.host(),
        **kind.people(),
        **kind.acted_on(),
        **kind.things(),
        **kind.network(),
        **kind.verdicts(),
    }
    tails = {name: each(_TAILS, columns.get(path)) for name, path in _PATHS.items()}
    return {name: values for name, values in {**columns, **tails}.items() if values is not None}


# The last parts of paths, which ECS gives a column of their own.
_PATHS = {
    "process.name": "process.executable",
    "process.parent.name": "process.parent.executable",
    "file.name": "file.path",
}


class _Kind:
    """The fields of the events at hand."""

    def __init__(self, flat: Flat, channel: str, event_id: str, role: str) -> None:
        self._flat, self._has = flat, flat.columns
        self._channel, self._id, self._role = channel, event_id, role
        self._said: dict[str, Column] = {}

    def raw(self, name: str) -> Column:
        """Return a field as it is; of lists the first member."""
        values = self._has.get(name)
        if values is not None and name in self._flat.lists:
            return [value[0] if value else None for value in values]
        return values

    def said(self, name: str) -> Column:
        """Return a field where it says something."""
        if name not in self._has:
            return None
        if name not in self._said:
            self._said[name] = telling(self.raw(name))
        return self._said[name]

    def first(self, *names: str) -> Column:
        """Return the first of ``names`` that says something."""
        has = self._has
        return coalesced(*(self.said(name) for name in names if name in has))

    def plain(self) -> dict[str, Column]:
        """Return the columns that are one field under another name."""
        has = self._has
        columns: dict[str, Column] = {}
        for column, names in _TEXT_FIELDS:
            there = [name for name in names if name in has]
            if there:
                columns[column] = self.first(*there)
        for column, names in _ADDRESSES.items():
            columns[column] = coalesced(*(each(_ADDRESSES_OF, self.raw(name)) for name in names if name in has))
        for column, names in _NUMBERS.items():
            numbers = coalesced(*(integers(self.raw(name)) for name in names if name in has))
            columns[column] = None if numbers is None else [None if n is None or n <= 0 else n for n in numbers]
        for column, names in _IDENTIFIERS.items():
            columns[column] = each(_GUIDS, self.first(*names))
        return columns

    def host(self) -> dict[str, Column]:
        """Return the machine the event happened on."""
        computer = each(_LOWER, self.said("@Computer"))
        return {"host.name": computer, "host.hostname": each(_HOSTNAMES, computer), "host.domain": each(_DOMAINS, computer)}

    def people(self) -> dict[str, Column]:
        """Return who acted (``user.*``) and in which session, by the role of the event."""
        is_target, is_process = self._role == "target", self._role == "process"
        subject, target = each(_NAMES, self.said("SubjectUserName")), each(_NAMES, self.said("TargetUserName"))
        account = self._named()
        named = each(_NAMES, account)
        if is_target:
            name = coalesced(target, subject, named)
        else:
            name = coalesced(named if is_process else None, subject, named, None if self._role == "group" else target)
        of_event = coalesced(None if is_target else self.said("SubjectUserSid"), self._target_id())
        of_record = None if self._channel == SYSMON else self.said("Security_UserID")  # Sysmon's own account
        sid = coalesced(None if of_event is None else [None if sid == _NOBODY else sid for sid in of_event], of_record)
        return {
            "user.name": name,
            "user.domain": self._user_domain(account),
            "user.id": None if is_process else sid,
            "user.effective.name": differing(subject, target) if is_target else None,
            "session.id": self.said("TargetLogonId") if is_target else self.first("SubjectLogonId", "LogonId"),
        }

    def acted_on(self) -> dict[str, Column]:
        """Return on whom somebody acted: ``user.target.*``, and ``group.*`` with the member as target."""
        if self._role == "group":
            return {
                "user.target.name": each(_MEMBERS, self.said("MemberName")),
                "user.target.id": self.said("MemberSid"),
                "group.name": each(_NAMES, self.said("TargetUserName")),
                "group.id": self.said("TargetSid"),
            }
        subject = self.said("SubjectUserName")
        if self._role != "manage" or subject is None:
            return {}
        target = coalesced(each(_NAMES, self.said("TargetUserName")), self.first("NewTargetUserName", "OldTargetUserName"))
        return {
            "user.target.name": where(subject, target),
            "user.target.domain": where(subject, self.said("TargetDomainName")),
            "user.target.id": where(subject, self._target_id()),
        }

    def _named(self) -> Column:
        """Return the account that an event without Subject names."""
        session = self.said(_SESSION_ACCOUNT) if self._channel == SECURITY else None
        desktop = self.said(_DESKTOP_ACCOUNT) if self._channel == REMOTE_DESKTOP else None
        return coalesced(self.first(*_ACCOUNTS), session, desktop)

    def _target_id(self) -> Column:
        return self.first("TargetUserSid", "TargetSid")

    def _user_domain(self, account: Column) -> Column:
        if self._role == "target":
            return coalesced(self.said("TargetDomainName"), each(_REALMS, self.said("TargetUserName")))
        before, after = each(_BEFORE, account), each(_AFTER, account)
        of_process = before if self._role == "process" else None
        return coalesced(of_process, self.said("SubjectDomainName"), before, after, self.said("Param2"))

    def things(self) -> dict[str, Column]:
        """Return files, registry keys and services that were touched."""
        kinds, name = self.said("ObjectType"), self.said("ObjectName")
        value = joined_path(name, self.said("ObjectValueName"))
        key = coalesced(value, name)
        file = coalesced(
            self.first("TargetFilename", "ImageLoaded"),
            equal(kinds, "File", name),
            joined_path(self.said("ShareName"), self.said("RelativeTargetName")),
            self.said("PipeName"),
            self._of_path(),
        )
        in_system = self._channel == "system" and self._id in {"7036", "7040"}
        return {
            "file.path": file,
            "registry.path": coalesced(self.said("TargetObject"), key if self._id == "4657" else equal(kinds, "Key", key)),
            "service.name": coalesced(self.said("ServiceName"), self.said("param1") if in_system else None),
        }

    def _of_path(self) -> Column:
        """Return the file that ``Path`` names: elsewhere it is a task, a package, a list of findings."""
        if self._channel == DEFENDER:
            return each(_DETECTED_FILES, self.said("Path"))
        return self.said("Path") if self._channel in _SCRIPTS else None

    def network(self) -> dict[str, Column]:
        """Return transport and direction of a connection."""
        return {
            "network.transport": each(_TRANSPORTS, self.said("Protocol")),
            "network.direction": each(_WAYS, self.first("Initiated", "Direction")),
        }

    def verdicts(self) -> dict[str, Column]:
        """Return level, outcome and the reason of a refusal."""
        is_kerberos = self._channel == SECURITY and self._id in _KERBEROS_IDS
        code = coalesced(each(_REFUSALS, self.said("SubStatus")), each(_REFUSALS, self.said("Status")))
        known = OUTCOMES.get(self._id) if self._channel == SECURITY else None
        always = [known] * self._flat.height if known else None
        return {
            "log.level": mapped(_LEVELS, self.said("@Level")),
            "event.outcome": coalesced(each(_OUTCOMES_SAID, self.said("@Keywords")), always),
            "event.reason": mapped(KERBEROS if is_kerberos else FAILURES, code),
        }


def _found(pattern: str) -> Callable[[str], str | None]:
    """Return how to find the first group of ``pattern`` in a text."""
    search = re.compile(pattern).search

    def find(text: str) -> str | None:
        found = search(text)
        return found[1] if found else None

    return find


def _tail(path: str) -> str | None:
    r"""Return what stands behind the last ``\\`` or ``/``."""
    return path[max(path.rfind("\\"), path.rfind("/")) + 1 :] or None


#: The name alone of ``DOMAIN\\name`` or ``name@REALM``.
_name = _found(r"^(?:[^\\]*\\)?([^\\@]+|@.+)")
_common = _found(r"(?i)^CN=((?:[^,\\]|\\.)+)")


def _member(name: str) -> str | None:
    """Return the common name of a distinguished name, else the name."""
    common = _common(name)
    return _name(name) if common is None else re.sub(r"\\(.)", r"\1", common)


def _audited(keywords: str) -> str | None:
    """Return the outcome that audit keywords say."""
    bits = unsigned(keywords) or 0
    return "success" if bits & AUDIT_SUCCESS else "failure" if bits & AUDIT_FAILURE else None


def _refusal(code: str) -> str | None:
    """Return a status code in lower case; None where it means success."""
    lower = code.lower()
    return None if lower in _SUCCESS else lower


_TEXT_FIELDS = tuple(_TEXTS.items())
_LOWER = Known(str.lower)
_TAILS = Known(_tail)
_NAMES = Known(_name)
_MEMBERS = Known(_member)
_HOSTNAMES = Known(_found(r"^([^.]+)"))
_DOMAINS = Known(_found(r"^[^.]+\.(.+)\Z"))
_REALMS = Known(_found(r"@(.+)\Z"))
_BEFORE = Known(_found(r"^([^\\]+)\\"))
_AFTER = Known(_found(r"^[^\\@]+@(.+)\Z"))
_GUIDS = Known(lambda text: text.strip("{}").lower())
_DETECTED_FILES = Known(_found(r"file:_([^;]+)"))
_TRANSPORTS = Known(lambda text: _PROTOCOLS.get(text.lower()))
_WAYS = Known(lambda text: _DIRECTIONS.get(text.lower()))
_REFUSALS = Known(_refusal)
_OUTCOMES_SAID = Known(_audited)
_ADDRESSES_OF = Known(plain_address)
