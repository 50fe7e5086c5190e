"""Layout: where each own field of an event is inside its container.

A container is a tree of names: of a record (its JSON object) or of a whole group of records (their common dtype). Both are
laid out here, so that the fast way (expressions over a group) and the exact way (one record) cannot disagree.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["META", "Container", "Leaf", "Tree", "laid_out", "merged", "parts"]

#: Names of a container; None is a value (text, number, list …).
Tree = Mapping[str, "Tree | None"]


class Container(StrEnum):
    """How a record came: which producer wrote it."""

    CRATE = "crate"  # {"Event":{"System":…}} of the evtx reader; XML is brought into it
    WINLOGBEAT = "winlogbeat"  # {"@timestamp":…,"winlog":{…}}
    FLAT = "flat"  # NXLog to_json(), Get-WinEvent exports, Fluent Bit: one level


@dataclass(frozen=True, slots=True)
class Leaf:
    """An own field: its name, and the keys that lead to its value; or a ``constant`` that the layout itself says."""

    name: str
    path: tuple[str, ...]
    constant: str | None = None


#: Internal copies of what decides about an event, so that a data field of the same name cannot hide it.
META = {
    "EventID": "@EventID",
    "Channel": "@Channel",
    "Computer": "@Computer",
    "Keywords": "@Keywords",
    "Level": "@Level",
    "Provider_Name": "@Provider_Name",
    "SystemTime": "@SystemTime",
}

# Names that stay the system's own even when the data has a field of that name.
_IDENTITY = frozenset({"EventID", "Provider_Name", "Computer"})

_SYSTEM_NAMES = {
    "EventID_Qualifiers": "Qualifiers",
    "TimeCreated_SystemTime": "SystemTime",
    "Correlation_ActivityID": "ActivityID",
    "Correlation_RelatedActivityID": "RelatedActivityID",
}
_WINLOGBEAT = {
    ("winlog", "channel"): "Channel",
    ("winlog", "event_id"): "EventID",
    ("winlog", "provider_name"): "Provider_Name",
    ("winlog", "provider_guid"): "Provider_Guid",
    ("winlog", "computer_name"): "Computer",
    ("winlog", "record_id"): "EventRecordID",
    ("winlog", "keywords"): "Keywords",
    ("winlog", "version"): "Version",
    ("winlog", "task"): "@task",
    ("winlog", "opcode"): "@opcode",
    ("winlog", "activity_id"): "ActivityID",
    ("winlog", "related_activity_id"): "RelatedActivityID",
    ("winlog", "process", "pid"): "Execution_ProcessID",
    ("winlog", "process", "thread", "id"): "Execution_ThreadID",
    ("winlog", "user", "identifier"): "Security_UserID",
    ("log", "level"): "@severity",
    ("message",): "Message",
    ("@timestamp",): "SystemTime",
}
# Flat names of the system part; the first that a record has wins.
_FLAT = {
    "EventID": ("EventID",),
    "Channel": ("Channel",),
    "Provider_Name": ("SourceName", "ProviderName", "Provider_Name", "Source"),
    "Provider_Guid": ("ProviderGuid", "Provider_Guid"),
    "Computer": ("Hostname", "Computer", "MachineName"),
    "SystemTime": ("TimeCreated", "EventTime", "SystemTime", "@timestamp"),
    "Keywords": ("Keywords",),
    "Level": ("Level",),
    "EventRecordID": ("RecordNumber", "EventRecordID", "RecordId"),
    "Execution_ProcessID": ("ExecutionProcessID",),
    "Execution_ThreadID": ("ThreadID",),
    "Opcode": ("OpcodeValue",),
    "@opcode": ("Opcode",),
    "@task": ("Category",),
    "@severity": ("SeverityValue", "Severity"),
    "Security_UserID": ("UserID",),
}
# What the transport adds around a flat event: not the event's own.
_TRANSPORT = frozenset({"SourceModuleName", "SourceModuleType", "EventReceivedTime", "port", "host", "tags", "@version"})
_NXLOG = frozenset({"Severity", "SeverityValue", "@timestamp", "EventTypeOrignal"})
_NXLOG_ACCOUNT = frozenset({"AccountName", "Domain", "AccountType"})  # whose SID is UserID; AccountType comes with them only


def _crate(tree: Tree) -> tuple[list[Leaf], list[Leaf]]:
    event, at = (tree["Event"], ("Event",)) if isinstance(tree.get("Event"), Mapping) else (tree, ())
    assert isinstance(event, Mapping)  # noqa: S101 - for the type checker: both branches are mappings
    system = [Leaf(_system_name(leaf), leaf.path) for leaf in _attributed(event.get("System"), (*at, "System"), bare=False)]
    data = [*_block(event.get("EventData"), (*at, "EventData")), *_user_data(event.get("UserData"), (*at, "UserData"))]
    data += [Leaf(block, (*at, block)) for block in ("EventData", "UserData") if block in event and event[block] is None]
    rendering = event.get("RenderingInfo")
    if isinstance(rendering, Mapping) and "Message" in rendering:
        system.append(Leaf("Message", (*at, "RenderingInfo", "Message")))
    return system, data


def _system_name(leaf: Leaf) -> str:
    return _SYSTEM_NAMES.get(leaf.name, leaf.name)


def _winlogbeat(tree: Tree) -> tuple[list[Leaf], list[Leaf]]:
    system = [Leaf(name, path) for path, name in _WINLOGBEAT.items() if _has(tree, path)]
    winlog = tree.get("winlog")
    assert isinstance(winlog, Mapping)  # noqa: S101 - what made the record a winlogbeat one
    data = _block(winlog.get("event_data"), ("winlog", "event_data"))
    blocks = {"event_data": "EventData", "user_data": "UserData"}
    data += [Leaf(name, ("winlog", key)) for key, name in blocks.items() if key in winlog and winlog[key] is None]
    user = _block(winlog.get("user_data"), ("winlog", "user_data"))
    return system, [*data, *(Leaf("UserData_Type" if leaf.name == "xml_name" else leaf.name, leaf.path) for leaf in user)]


def _has(tree: Tree | None, path: tuple[str, ...]) -> bool:
    for key in path[:-1]:
        tree = tree.get(key) if tree is not None else None
    return tree is not None and path[-1] in tree and tree[path[-1]] is None


def _flat(tree: Tree) -> tuple[list[Leaf], list[Leaf]]:
    is_nxlog = "SourceModuleType" in tree or "EventReceivedTime" in tree
    taken = {name: next((key for key in keys if key in tree and tree[key] is None), None) for name, keys in _FLAT.items()}
    system = [Leaf(name, (key,)) for name, key in taken.items() if key is not None]
    used = {leaf.path[0] for leaf in system} | _TRANSPORT
    if is_nxlog:
        used |= _NXLOG | (_NXLOG_ACCOUNT if "AccountType" in tree else frozenset())
    elif "TimeCreated" in tree:
        used |= {"@timestamp"}
    rest = {key: below for key, below in tree.items() if key not in used}
    data = [Leaf("Data" if leaf.path == ("StringInserts",) else leaf.name, leaf.path) for leaf in _block(rest, ())]
    return system, data


def _block(tree: "Tree | None", at: tuple[str, ...]) -> list[Leaf]:
    """Return the leaves of an ``EventData`` block: unnamed data as ``Data``, its own attributes as ``EventData_<name>``."""
    if not isinstance(tree, Mapping):
        return []
    block = at[-1] if at else ""
    return [
        Leaf(f"{block}_{leaf.name.lstrip('_')}" if leaf.path[: len(at) + 1] == (*at, "#attributes") else leaf.name, leaf.path)
        for leaf in _attributed(tree, at, bare=True)
        if leaf.name != "xmlns"
    ]


def _user_data(tree: "Tree | None", at: tuple[str, ...]) -> list[Leaf]:
    """Return the leaves of ``UserData`` without the wrapper element, whose name becomes ``UserData_Type``."""
    leaves: list[Leaf] = []
    for wrapper, below in tree.items() if isinstance(tree, Mapping) else ():
        if wrapper == "#attributes" or wrapper.endswith("_attributes"):
            continue
        leaves.append(Leaf("UserData_Type", (), wrapper))
        if below is None:
            leaves.append(Leaf(wrapper, (*at, wrapper)))
        else:
            inner = {key: value for key, value in below.items() if key != "#attributes"}
            leaves += _attributed(inner, (*at, wrapper), bare=True)
    return leaves


def _attributed(tree: "Tree | None", at: tuple[str, ...], *, bare: bool) -> list[Leaf]:
    """Return the leaves of ``tree``: text under its element's name, attributes as ``<element>_<attribute>``.

    With ``bare``, an attribute is also given under its own name where no other field has that name.
    """
    if not isinstance(tree, Mapping):
        return []
    found = list(_walk(tree, at, ""))
    plain = {leaf.name for leaf in found}
    if bare:
        attributes = [Leaf(leaf.path[-1], leaf.path) for leaf in found if _is_attribute(leaf.path)]
        found += [leaf for leaf in attributes if leaf.name not in plain]
    return found


def _is_attribute(path: tuple[str, ...]) -> bool:
    above = path[-2] if len(path) > 1 else ""
    return (above == "#attributes" or above.endswith("_attributes")) and path[-1] not in ("xmlns", "Name")


def _walk(tree: Tree, at: tuple[str, ...], element: str) -> Iterator[Leaf]:
    for key, below in tree.items():
        path = (*at, key)
        if below is not None:
            yield from _walk(below, path, _element(key, element))
        elif key == "#text":
            yield Leaf(element or "Data", path)
        elif at and (at[-1] == "#attributes" or at[-1].endswith("_attributes")):
            if key != "xmlns":
                yield Leaf(f"{element}_{key}", path)
        else:
            yield Leaf(key, path)


def _element(key: str, element: str) -> str:
    return element if key == "#attributes" else key.removesuffix("_attributes")


def merged(system: list[Leaf], data: list[Leaf]) -> list[Leaf]:
    """Return system and data leaves under unique names: data wins, the system's value moves to ``System_<name>``."""
    meta = [Leaf(META[leaf.name], leaf.path) for leaf in system if leaf.name in META]
    by_name: dict[str, Leaf] = {}
    for leaf in data:
        by_name.setdefault(_data_name(leaf), Leaf(_data_name(leaf), leaf.path, leaf.constant))
    for leaf in system:
        name = f"System_{leaf.name}" if leaf.name in by_name else leaf.name
        by_name.setdefault(name, Leaf(name, leaf.path))
    return [*{leaf.name: leaf for leaf in reversed(meta)}.values(), *by_name.values()]


def _data_name(leaf: Leaf) -> str:
    return f"EventData_{leaf.name}" if leaf.name in _IDENTITY else leaf.name


def parts(container: Container, tree: Tree) -> tuple[list[Leaf], list[Leaf]]:
    """Return the leaves of the system part and of the data part of a record, under the names they bear by themselves."""
    return _PARTS[container](tree)


def laid_out(container: Container, tree: Tree) -> list[Leaf]:
    """Return every own field of a record, and the internal ones (``@…``), under unique names."""
    return merged(*parts(container, tree))


#: How each container is laid out.
_PARTS: Mapping[Container, Callable[[Tree], tuple[list[Leaf], list[Leaf]]]] = {
    Container.CRATE: _crate,
    Container.WINLOGBEAT: _winlogbeat,
    Container.FLAT: _flat,
}
