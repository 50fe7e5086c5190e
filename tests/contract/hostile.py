"""Hostile texts, and how each format writes a value that a stranger chose."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

#: What a stranger would like to be believed.
USER, ADDRESS, HOST, ACTION, RULE = "mallory", "203.0.113.251", "forgedhost", "forgedaction", "forgedrule"

CEF = (
    f"CEF:0|Fortinet|Fortigate|v7.2.5|00013|traffic:forward accept|3|externalId=0100026001 src={ADDRESS} duser={USER} "
    f"dst=203.0.113.252 act={ACTION} dvchost={HOST} outcome=success"
)
FORTIGATE = (
    f'date=2026-11-22 time=09:06:10 devname="{HOST}" devid="FGT60FTK00000009" logid="0100032002" type="event" subtype="system" '
    f'level="alert" vd="root" logdesc="Admin login failed" user="{USER}" srcip={ADDRESS} action="{ACTION}" status="success"'
)
SSHD = f"<38>Nov 22 09:00:00 {HOST} sshd[2211]: Accepted password for {USER} from {ADDRESS} port 40000 ssh2"

#: Name of the trick → text that is added to a value.
TEXTS: Mapping[str, str] = {
    "crlf": f"\r\nsrc={ADDRESS} user={USER}",
    "cr": "\r" + SSHD,
    "lf": "\n" + SSHD,
    "pipe": f"|{USER}|{ADDRESS}|{ACTION}|",
    "equals": f"=x src={ADDRESS} srcip={ADDRESS} user={USER} action={ACTION} outcome=success status=success act={ACTION}",
    "quote": f'" user="{USER}" srcip="{ADDRESS}" src="{ADDRESS}" action="{ACTION}" status="success',
    "single": f"' user='{USER}' srcip='{ADDRESS}' src='{ADDRESS}' action='{ACTION}",
    "bracket": f'] [x@1 user="{USER}" srcip="{ADDRESS}"] sshd[1]: ',
    "semicolon": f";{USER};{ADDRESS};{ACTION};",
    "comma": f",{USER},{ADDRESS},{ACTION},src={ADDRESS},user={USER},",
    "tab": f"\t{USER}\t{ADDRESS}\tsrc={ADDRESS}\tusrName={USER}\t",
    "ansi": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "nul": "a\x00b",
    "percent": f"%0a%0dsrc={ADDRESS}%22",
    "json": f'{{"a":1,"user":{{"name":"{USER}"}}}}',
    "json_key": f'","user":"{USER}","src_ip":"{ADDRESS}","action":"{ACTION}","x":"',
    "xml": f'</Data><Data Name="TargetUserName">{USER}</Data><Data Name="IpAddress">{ADDRESS}</Data><Data>',
    "words": f" from {ADDRESS} port 22",
    "who": f" for {USER} from {ADDRESS} port 22 ssh2",
    "parenthesis": f") ({ADDRESS}) user {USER} (x",
    "rhost": f", client: {ADDRESS}, ruser={USER} rhost={ADDRESS} user={USER}, server: {HOST}",
    "cef": CEF,
    "fortigate": FORTIGATE,
    "sshd": SSHD,
    "backslash": "\\",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in a record."""

    text: str
    start: int
    end: int

    def holding(self, value: str) -> str:
        """Return the record with ``value`` in this place."""
        return self.text[: self.start] + value + self.text[self.end :]


def places(text: str, value: str) -> list[Place]:
    """Return where ``value`` stands in ``text`` as a word of its own."""
    found = re.finditer(rf"(?<![\w.@-]){re.escape(value)}(?![\w@-]|\.\w)", text)
    return [Place(text, one.start(), one.end()) for one in found]


def json_span(text: str) -> tuple[int, int] | None:
    """Return where the JSON of a record stands; None where it holds none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return None
    return start, end


#: Parsers whose formats have delimiters of their own, and how a value is kept free of them.
SEPARATED = dict.fromkeys(("access_control", "municipal", "vms", "water_telemetry"), ";") | dict.fromkeys(
    ("exchange_tracking", "m365_audit", "nps", "paloalto", "trend_micro"), ","
)
#: Formats without a blank in any value: their products write what a URL may hold.
ENCODED = frozenset({"squid", "iis_w3c", "exchange_tracking"})


def written(parser: str, place: Place, hostile: str) -> str:
    """Return the record with ``hostile`` added to the value, written as its product would."""
    value = place.text[place.start : place.end]
    before = place.text[: place.start]
    span = json_span(place.text)
    if '{""' in before:  # JSON in a field of CSV
        return place.holding(value + json.dumps(hostile)[1:-1].replace('"', '""'))
    if span and span[0] < place.start < span[1]:
        inner = json.dumps(_marked(hostile) if "<Event" in before else hostile)[1:-1]
        return place.holding(value + (json.dumps(inner)[1:-1] if before.endswith('\\"') else inner))
    if "<Event" in before or (before.endswith(">") and place.text[place.end :].startswith("<")):
        return place.holding(value + _marked(hostile))
    if "CEF:" in before:
        return place.holding(value + _cef(before, hostile))
    return _plain(parser, place, hostile)


def _marked(hostile: str) -> str:
    return hostile.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").replace("'", "&apos;")


def _plain(parser: str, place: Place, hostile: str) -> str:
    """Return the record where no structure tells how a value is escaped but its parser or the quotes around it."""
    value = place.text[place.start : place.end]
    if "LEEF:" in place.text or parser == "zeek":
        return place.holding(value + hostile.replace("\t", "\\x09").replace("\n", "\\x0a").replace("\r", "\\x0d"))
    if parser in ENCODED:
        return place.holding(value + re.sub(r'[\x00-\x20",\\]', lambda one: f"%{ord(one[0]):02x}", hostile))
    if parser in SEPARATED and _quotes(place.text[: place.start]) % 2 == 0:
        return _in_quotes(place, hostile, SEPARATED[parser])
    return place.holding(value + _quoted(place.text[: place.start], hostile))


def _in_quotes(place: Place, hostile: str, separator: str) -> str:
    """Return the record with the whole field of a CSV in quotes."""
    start = place.text.rfind(separator, 0, place.start) + 1
    after = place.text.find(separator, place.end)
    end = after if after >= 0 else len(place.text)
    field = place.text[start : place.end] + hostile + place.text[place.end : end]
    text = '"' + field.replace('"', '""') + '"'
    return f"{place.text[:start]}{text}{place.text[end:]}"


def _cef(before: str, hostile: str) -> str:
    slashed = hostile.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
    is_head = before[before.index("CEF:") :].count("|") - before.count("\\|") < 7
    return slashed.replace("|", "\\|") if is_head else slashed.replace("=", "\\=")


def _quoted(before: str, hostile: str) -> str:
    if _quotes(before) % 2 == 0:
        return hostile
    opening = before[: before.rindex('"')]
    return hostile.replace('"', '""') if opening.endswith((",", ";")) else hostile.replace("\\", "\\\\").replace('"', '\\"')


def _quotes(text: str) -> int:
    return text.replace("\\\\", "").replace('\\"', "").count('"')
