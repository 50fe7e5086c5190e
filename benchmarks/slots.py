"""What in an event belongs to one machine, one person, one moment: the places that every copy of it fills anew.

An event is read once; each value is cut into fixed text and *slots* (kind, value). What rules speak of is never a slot, so a
copy is found by the rules that find the original.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_ARGUMENTS = (
    "commandline parentcommandline processcommandline targetfilename targetobject details scriptblocktext path pipename "
    "relativetargetname objectname imagepath servicefilename servicename taskname taskcontent image imageloaded parentimage "
    "currentdirectory hostapplication payload contextinfo newprocessname parentprocessname processname application queryname "
    "destinationhostname sourcehostname filename destination sharename data userdata commandinvocation"
)
#: Fields whose numbers, random names and document names vary: what people and programs wrote, not what Windows counts.
ARGUMENTS = frozenset(_ARGUMENTS.split())
_NUMBERED = frozenset({"recordnumber", "eventrecordid", "recordid"})
_PROCESS = re.compile(r"(process|thread)_?id$|^(executionprocessid|threadid|pid|creatorprocessid)$", re.IGNORECASE)
_PORT = re.compile(r"^(source|src|ip|client|destination)?port(number)?$", re.IGNORECASE)
_LOGON = re.compile(r"logon_?id$", re.IGNORECASE)
_HOST = re.compile(r"^(hostname|computer|workstation|workstationname|machinename)$", re.IGNORECASE)
_USER = re.compile(r"(username|^accountname|^user|^samaccountname)$", re.IGNORECASE)
_DOMAIN = re.compile(r"(domainname|^domain)$", re.IGNORECASE)

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?"
_GUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_SID = r"S-1-5-21-\d+-\d+-\d+"
_INSIDE = r"(?<![\d.])(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}(?![\d.])"
_EVERYWHERE = re.compile(f"(?P<time>{_TIME})|(?P<guid>{_GUID})|(?P<sid>{_SID})|(?P<ip>{_INSIDE})")
_DOCUMENT = (
    r"[A-Za-z][A-Za-z0-9_-]{3,}(?=\.(?:txt|docx?|xlsx?|pdf|log|tmp|dat|ps1|bat|vbs|js|zip|7z|cab|xml|json|csv|db|etl|pf|lnk|"
    r"bmp|png|jpg|evtx|cfg|ini|inf)(?![A-Za-z0-9]))"
)
_WRITTEN = re.compile(
    f"(?P<document>(?<![A-Za-z0-9_-]){_DOCUMENT})"
    r"|(?P<token>(?<![A-Za-z0-9])(?=(?:[A-Za-z]*\d){4})(?=\d*[A-Za-z])[A-Za-z0-9]{8,64}(?![A-Za-z0-9]))"
    r"|(?P<number>(?<![A-Za-z0-9])\d{3,10}(?![A-Za-z0-9]))"
)
_ROW_OF_SLOTS = re.compile('\ue000(\\d+)\ue001|"\ue002(\\d+)\ue001"')  # text, or a number that takes its quotes along
_WELL_KNOWN = (
    "system network service local anonymous logon administrator administrators admin guest krbtgt defaultaccount users none "
    "localsystem everyone nt authority autorite builtin font driver host window manager virtual workgroup test domain public "
    "default dwm-1 dwm-2 dwm-3 umfd-0 umfd-1 umfd-2 umfd-3 client server security win windows"
)
_SHORTEST_NAME = 4

Slot = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """One event: ``texts`` around ``slots``, one text more than slots. ``origin``: the recording it comes from."""

    origin: str
    texts: tuple[str, ...]
    slots: tuple[Slot, ...]


def words_of_rules(folder: Path) -> frozenset[str]:
    """Return, lower-cased, the numbers, identities and names in the rules below ``folder``: copies keep them as they are."""
    words: set[str] = set()
    for file in sorted(folder.rglob("*.yml")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if not _ABOUT_THE_RULE.match(line):
                words.update(word.casefold() for word in _WORD.findall(line))
    return frozenset(words)


_ABOUT_THE_RULE = re.compile(r"\s*(?:-\s*https?:|(?:id|date|modified|author|title|description|references|related)\s*:)")
_WORD = re.compile(rf"{_GUID}|[A-Za-z0-9_-]+|[A-Za-z0-9]+")


def templates(lines: Iterable[tuple[str, bytes]], kept: frozenset[str]) -> list[Template]:
    """Return the events of ``lines`` (recording, JSON object) cut into texts and slots; blank lines are left out.

    ``kept``: words that are never a slot. Machines, people and domains are those that the events of a recording name.
    """
    events = [(origin, orjson.loads(line)) for origin, line in lines if line.strip()]
    names = {origin: _Names(kept) for origin in dict.fromkeys(origin for origin, _ in events)}
    for origin, event in events:
        for field, value in _values(event):
            names[origin].learn(field, value)
    patterns = {origin: found.pattern() for origin, found in names.items()}
    return [_template(origin, event, names[origin], patterns[origin], kept) for origin, event in events]


def _values(node: Any, field: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _values(value, field if name == "#text" else name)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value, field)
    elif isinstance(node, str):
        yield field, node


class _Names:
    """Names of machines, people and domains that a recording speaks of, lower-cased → kind."""

    def __init__(self, kept: frozenset[str]) -> None:
        self.kinds: dict[str, str] = {}
        self._kept = kept | set(_WELL_KNOWN.split())

    def learn(self, field: str, value: str) -> None:
        """Take note of the names in one value."""
        if _HOST.search(field):
            self._add(value.partition(".")[0].strip("\\"), "host")
        elif _DOMAIN.search(field):
            self._add(value.partition(".")[0], "domain")
        elif _USER.search(field):
            domain, _, user = value.rpartition("\\")
            self._add(domain, "domain")
            user = user.partition("@")[0]
            self._add(user.rstrip("$"), "host" if user.endswith("$") else "user")

    def _add(self, name: str, kind: str) -> None:
        plain = name.casefold()
        if len(name) >= _SHORTEST_NAME and " " not in name and not plain.isdigit() and plain not in self._kept:
            self.kinds.setdefault(plain, kind)

    def pattern(self) -> re.Pattern[str] | None:
        """Return what finds the names, the longest first; None without names."""
        if not self.kinds:
            return None
        any_of = "|".join(re.escape(name) for name in sorted(self.kinds, key=lambda name: (-len(name), name)))
        return re.compile(f"(?<![A-Za-z0-9])(?:{any_of})(?![A-Za-z0-9])", re.IGNORECASE)


def _template(
    origin: str, event: dict[str, Any], names: _Names, pattern: re.Pattern[str] | None, kept: frozenset[str]
) -> Template:
    cut = _Cutter(names, pattern, kept)
    event.pop("_src", None)  # where the collection keeps the file: not part of the event
    pieces = _ROW_OF_SLOTS.split(orjson.dumps(cut.mark(event)).decode())
    slots = tuple(cut.slots[int(one or other)] for one, other in zip(pieces[1::3], pieces[2::3], strict=True))
    return Template(origin, tuple(pieces[0::3]), slots)


class _Cutter:
    """Puts a mark in place of each slot of one event."""

    def __init__(self, names: _Names, pattern: re.Pattern[str] | None, kept: frozenset[str]) -> None:
        self.slots: list[Slot] = []
        self._names, self._pattern, self._kept = names, pattern, kept
        self._written: set[str] = set()

    def mark(self, node: Any, field: str = "") -> Any:  # noqa: ANN401 - any JSON
        """Return ``node`` with marks; messages come last, for they repeat what the fields say."""
        if isinstance(node, dict):
            order = sorted(node, key=lambda name: name == "Message")
            marked = {name: self.mark(node[name], field if name == "#text" else name) for name in order}
            return {name: marked[name] for name in node}
        if isinstance(node, list):
            return [self.mark(value, field) for value in node]
        if isinstance(node, int) and not isinstance(node, bool):
            kind = _kind_of_field(field, str(node))
            return f"\ue002{self._slot(kind, str(node))}\ue001" if kind else node
        return self._text(field, node) if isinstance(node, str) else node

    def _slot(self, kind: str, value: str) -> int:
        self.slots.append((kind, value))
        return len(self.slots) - 1

    def _put(self, kind: str, value: str) -> str:
        return f"\ue000{self._slot(kind, value)}\ue001"

    def _text(self, field: str, text: str) -> str:
        kind = _kind_of_field(field, text)
        if kind:
            return self._put(kind, text)
        folded = text.casefold()
        marked = _outside_marks(_EVERYWHERE, text, self._everywhere) if _DIGIT.search(text) else text
        if self._pattern and any(name in folded for name in self._names.kinds):
            marked = _outside_marks(self._pattern, marked, self._named)
        if field == "Message" and self._written:
            marked = _outside_marks(_WRITTEN, marked, self._repeated)
        elif field.casefold() in ARGUMENTS:
            marked = _outside_marks(_WRITTEN, marked, self._argument)
        return marked

    def _everywhere(self, found: re.Match[str]) -> str:
        kind, value = str(found.lastgroup), found.group()
        return value if kind == "guid" and (value.casefold() in self._kept or not value.strip("0-")) else self._put(kind, value)

    def _named(self, found: re.Match[str]) -> str:
        return self._put(self._names.kinds[found.group().casefold()], found.group())

    def _argument(self, found: re.Match[str]) -> str:
        value = found.group()
        if value.casefold() in self._kept or not value.strip("0"):
            return value
        self._written.add(value)
        return self._put(str(found.lastgroup), value)

    def _repeated(self, found: re.Match[str]) -> str:
        return self._put(str(found.lastgroup), found.group()) if found.group() in self._written else found.group()


def _kind_of_field(field: str, value: str) -> str:
    if field.casefold() in _NUMBERED:
        return "record"
    if _LOGON.search(field) and value.startswith("0x") and len(value) > len("0x3e7"):
        return "logon"
    if _PROCESS.search(field) and value not in {"0", "4", "0x0", "0x4"} and re.fullmatch(r"0x[0-9a-fA-F]+|\d+", value):
        return "process"
    if _PORT.search(field) and value.isdigit() and int(value) >= _FIRST_CLIENT_PORT:
        return "port"
    return ""


_DIGIT = re.compile(r"\d")
_FIRST_CLIENT_PORT = 49_152
_MARK = re.compile("(\ue000\\d+\ue001)")


def _outside_marks(pattern: re.Pattern[str], text: str, replace: Any) -> str:  # noqa: ANN401 - as re.sub takes it
    """Replace what ``pattern`` finds in ``text``, never inside marks that stand there already."""
    if "\ue000" not in text:
        return pattern.sub(replace, text)
    return "".join(part if part.startswith("\ue000") else pattern.sub(replace, part) for part in _MARK.split(text))
