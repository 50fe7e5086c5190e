"""ECS columns of the events of one kind: most are a field under another name, the others are worked out text by text.

What is worked out of a text is remembered (``values``): machines, accounts, programs and addresses come again and again.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from correlator.parse.formats.values import plain_address

from .actions import OUTCOMES
from .channels import DEFENDER, REMOTE_DESKTOP, SECURITY, SYSMON
from .codes import AUDIT_FAILURE, AUDIT_SUCCESS, FAILURES, KERBEROS
from .shapes import Flat, Values
from .values import Known, integer, unsigned

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
_NOTHING = frozenset({"", "-", "N/A", "(null)"})
_LONGEST_NOTHING = 6
_SURELY_INT64 = 18  # digits
_SUCCESS = frozenset({"0x0", "0x00000000", "0"})

#: A column on its way: None where no event has a value.
_Column: TypeAlias = Values | None


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
    tails = {name: _each(_TAILS, columns.get(path)) for name, path in _PATHS.items()}
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
        self._said: dict[str, _Column] = {}

    def raw(self, name: str) -> _Column:
        """Return a field as it is; of lists the first member."""
        values = self._has.get(name)
        if values is not None and name in self._flat.lists:
            return [value[0] if value else None for value in values]
        return values

    def said(self, name: str) -> _Column:
        """Return a field where it says something."""
        if name not in self._has:
            return None
        if name not in self._said:
            self._said[name] = _telling(self.raw(name))
        return self._said[name]

    def first(self, *names: str) -> _Column:
        """Return the first of ``names`` that says something."""
        has = self._has
        return _coalesced(*(self.said(name) for name in names if name in has))

    def plain(self) -> dict[str, _Column]:
        """Return the columns that are one field under another name."""
        has = self._has
        columns: dict[str, _Column] = {}
        for column, names in _TEXT_FIELDS:
            there = [name for name in names if name in has]
            if there:
                columns[column] = self.first(*there)
        for column, names in _ADDRESSES.items():
            columns[column] = _coalesced(*(_each(_ADDRESSES_OF, self.raw(name)) for name in names if name in has))
        for column, names in _NUMBERS.items():
            numbers = _coalesced(*(_integers(self.raw(name)) for name in names if name in has))
            columns[column] = None if numbers is None else [None if n is None or n <= 0 else n for n in numbers]
        for column, names in _IDENTIFIERS.items():
            columns[column] = _each(_GUIDS, self.first(*names))
        return columns

    def host(self) -> dict[str, _Column]:
        """Return the machine the event happened on."""
        computer = _each(_LOWER, self.said("@Computer"))
        return {"host.name": computer, "host.hostname": _each(_HOSTNAMES, computer), "host.domain": _each(_DOMAINS, computer)}

    def people(self) -> dict[str, _Column]:
        """Return who acted (``user.*``) and in which session, by the role of the event."""
        is_target, is_process = self._role == "target", self._role == "process"
        subject, target = _each(_NAMES, self.said("SubjectUserName")), _each(_NAMES, self.said("TargetUserName"))
        account = self._named()
        named = _each(_NAMES, account)
        if is_target:
            name = _coalesced(target, subject, named)
        else:
            name = _coalesced(named if is_process else None, subject, named, None if self._role == "group" else target)
        of_event = _coalesced(None if is_target else self.said("SubjectUserSid"), self._target_id())
        of_record = None if self._channel == SYSMON else self.said("Security_UserID")  # Sysmon's own account
        sid = _coalesced(None if of_event is None else [None if sid == _NOBODY else sid for sid in of_event], of_record)
        return {
            "user.name": name,
            "user.domain": self._user_domain(account),
            "user.id": None if is_process else sid,
            "user.effective.name": _differing(subject, target) if is_target else None,
            "session.id": self.said("TargetLogonId") if is_target else self.first("SubjectLogonId", "LogonId"),
        }

    def acted_on(self) -> dict[str, _Column]:
        """Return on whom somebody acted: ``user.target.*``, and ``group.*`` with the member as target."""
        if self._role == "group":
            return {
                "user.target.name": _each(_MEMBERS, self.said("MemberName")),
                "user.target.id": self.said("MemberSid"),
                "group.name": _each(_NAMES, self.said("TargetUserName")),
                "group.id": self.said("TargetSid"),
            }
        subject = self.said("SubjectUserName")
        if self._role != "manage" or subject is None:
            return {}
        target = _coalesced(_each(_NAMES, self.said("TargetUserName")), self.first("NewTargetUserName", "OldTargetUserName"))
        return {
            "user.target.name": _where(subject, target),
            "user.target.domain": _where(subject, self.said("TargetDomainName")),
            "user.target.id": _where(subject, self._target_id()),
        }

    def _named(self) -> _Column:
        """Return the account that an event without Subject names."""
        session = self.said(_SESSION_ACCOUNT) if self._channel == SECURITY else None
        desktop = self.said(_DESKTOP_ACCOUNT) if self._channel == REMOTE_DESKTOP else None
        return _coalesced(self.first(*_ACCOUNTS), session, desktop)

    def _target_id(self) -> _Column:
        return self.first("TargetUserSid", "TargetSid")

    def _user_domain(self, account: _Column) -> _Column:
        if self._role == "target":
            return _coalesced(self.said("TargetDomainName"), _each(_REALMS, self.said("TargetUserName")))
        before, after = _each(_BEFORE, account), _each(_AFTER, account)
        of_process = before if self._role == "process" else None
        return _coalesced(of_process, self.said("SubjectDomainName"), before, after, self.said("Param2"))

    def things(self) -> dict[str, _Column]:
        """Return files, registry keys and services that were touched."""
        kinds, name = self.said("ObjectType"), self.said("ObjectName")
        value = _path(name, self.said("ObjectValueName"))
        key = _coalesced(value, name)
        file = _coalesced(
            self.first("TargetFilename", "ImageLoaded"),
            _equal(kinds, "File", name),
            _path(self.said("ShareName"), self.said("RelativeTargetName")),
            self.said("PipeName"),
            self._of_path(),
        )
        in_system = self._channel == "system" and self._id in {"7036", "7040"}
        return {
            "file.path": file,
            "registry.path": _coalesced(self.said("TargetObject"), key if self._id == "4657" else _equal(kinds, "Key", key)),
            "service.name": _coalesced(self.said("ServiceName"), self.said("param1") if in_system else None),
        }

    def _of_path(self) -> _Column:
        """Return the file that ``Path`` names: elsewhere it is a task, a package, a list of findings."""
        if self._channel == DEFENDER:
            return _each(_DETECTED_FILES, self.said("Path"))
        return self.said("Path") if self._channel in _SCRIPTS else None

    def network(self) -> dict[str, _Column]:
        """Return transport and direction of a connection."""
        return {
            "network.transport": _each(_TRANSPORTS, self.said("Protocol")),
            "network.direction": _each(_WAYS, self.first("Initiated", "Direction")),
        }

    def verdicts(self) -> dict[str, _Column]:
        """Return level, outcome and the reason of a refusal."""
        is_kerberos = self._channel == SECURITY and self._id in _KERBEROS_IDS
        code = _coalesced(_each(_REFUSALS, self.said("SubStatus")), _each(_REFUSALS, self.said("Status")))
        known = OUTCOMES.get(self._id) if self._channel == SECURITY else None
        always = [known] * self._flat.height if known else None
        return {
            "log.level": _mapped(_LEVELS, self.said("@Level")),
            "event.outcome": _coalesced(_each(_OUTCOMES_SAID, self.said("@Keywords")), always),
            "event.reason": _mapped(KERBEROS if is_kerberos else FAILURES, code),
        }


def _telling(values: _Column) -> _Column:
    """Return ``values`` without those that say nothing; None where none is left."""
    if values is None:
        return None
    told: Values
    if any(len(value) > _LONGEST_NOTHING for value in values[:1] if value is not None):  # long texts are not worth a hash
        told = [None if value is None or (len(value) <= _LONGEST_NOTHING and value in _NOTHING) else value for value in values]
    elif _NOTHING.isdisjoint(values):
        told = values
    else:
        told = [None if value in _NOTHING else value for value in values]
    return told if any(value is not None for value in told) else None


def _each(known: Known[Any], texts: _Column) -> _Column:
    """Return what is ``known`` of each text."""
    if texts is None:
        return None
    return [None if text is None else known[text] for text in texts]


def _integers(texts: _Column) -> _Column:
    """Return texts as numbers; mostly all are plain digits, and few come twice."""
    if texts is None:
        return None
    if None not in texts:
        digits = "".join(texts)
        if digits.isdecimal() and digits.isascii() and "" not in texts and max(map(len, texts)) <= _SURELY_INT64:
            return list(map(int, texts))
    return _each(_INTEGERS, texts)


def _mapped(table: Mapping[str, str], texts: _Column) -> _Column:
    return None if texts is None else list(map(table.get, texts))


def _coalesced(*columns: _Column) -> _Column:
    """Return the first value that there is in each row."""
    there = [column for column in columns if column is not None]
    if not there:
        return None
    found: Values = there[0]
    for other in there[1:]:
        if None not in found:
            break
        found = [value if value is not None else instead for value, instead in zip(found, other, strict=True)]
    return found


def _where(known: Values, values: _Column) -> _Column:
    """Return ``values`` where something is ``known``."""
    if values is None:
        return None
    return [None if one is None else value for one, value in zip(known, values, strict=True)]


def _equal(kinds: _Column, kind: str, values: _Column) -> _Column:
    """Return ``values`` where ``kinds`` is ``kind``."""
    if kinds is None or values is None:
        return None
    return [value if one == kind else None for one, value in zip(kinds, values, strict=True)]


def _differing(values: _Column, others: _Column) -> _Column:
    """Return ``values`` where both are there and differ."""
    if values is None or others is None:
        return None
    pairs = zip(values, others, strict=True)
    return [value if other is not None and value != other else None for value, other in pairs]


def _path(parents: _Column, names: _Column) -> _Column:
    r"""Return ``parent\\name`` where both are there."""
    if parents is None or names is None:
        return None
    pairs = zip(parents, names, strict=True)
    return [None if parent is None or name is None else f"{parent}\\{name}" for parent, name in pairs]


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
_INTEGERS = Known(integer)
_ADDRESSES_OF = Known(plain_address)
