"""What the module of a new parser says of its fields, its time and itself: pieces of text for ``parser_text``. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import combining, normalize

from correlator.harness.sample_shape import Shape
from correlator.model.logsource import LogSource

__all__ = [
    "Head",
    "constants",
    "entries_of",
    "fields_read",
    "imports_of",
    "indented",
    "literal",
    "making_call",
    "meant",
    "parser_call",
    "plain_name",
    "program_mark",
    "regex_lines",
    "source_of",
    "texts",
    "time_call",
    "time_of",
]

_WIDTH = 120
#: ECS column → what products call it, and how the column is made of it.
_MEANINGS = {
    "user.name": ("user username userid login account suser usr actor utilisateur identifiant agent", "account({})"),
    "source.ip": ("srcip src clientip client remoteaddr sourceip ip ipaddress adresseip ipsource remoteip cip", "address({})"),
    "source.port": ("srcport spt sport sourceport clientport", "integer({}, above=0)"),
    "destination.ip": ("dstip dst dest destination targetip destip serverip ipdestination", "address({})"),
    "destination.port": ("dstport dpt dport destport targetport", "integer({}, above=0)"),
    "host.name": ("host hostname computer device devicename poste machine equipement", "words({})"),
    "event.action": ("action act event eventtype operation activity evenement", "words({})"),
    "event.outcome": ("result outcome status success resultat statut", "outcome({})"),
    "event.reason": ("reason cause error motif raison", "words({})"),
    "network.protocol": ("protocol proto service protocole", "words({}).str.to_lowercase()"),
    "session.id": ("session sessionid sid idsession", "words({})"),
    "url.original": ("url uri request", "words({})"),
    "http.request.method": ("method", "words({})"),
    "file.path": ("file filename path fichier chemin", "words({})"),
    "rule.name": ("rule rulename policy regle signature", "words({})"),
    "log.level": ("level severity loglevel niveau gravite", "words({}).str.to_lowercase()"),
    "message": ("message msg text description detail libelle", "words({})"),
}
_TAKEN = {"raw_row", "body", "sender", "sent", "received", "n"}


@dataclass(frozen=True, slots=True)
class Head:
    """What the new parser is called and feeds."""

    name: str
    source: LogSource


def literal(value: object) -> str:
    """Return a Python literal in double quotes; regexes raw where they can be."""
    text = str(value)
    if not text.isprintable():
        return repr(text)
    if "\\" in text and '"' not in text and not text.endswith("\\"):
        return f'r"{text}"'
    if '"' in text and not set("'\\\t\n") & set(text):
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n")
    return f'"{escaped}"'


def texts(values: Sequence[str], indent: int = 0) -> str:
    """Return a tuple of texts, on several lines where one is too long."""
    items = [literal(value) for value in values]
    flat = f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if len(flat) + indent < _WIDTH:
        return flat
    pad = " " * (indent + 4)
    return "(\n" + "".join(f"{pad}{item},\n" for item in items) + " " * indent + ")"


def plain_name(name: str) -> str:
    """Return a field's name in small letters, without accents, signs and the object it stands in."""
    letters = "".join(letter for letter in normalize("NFKD", name.rpartition(".")[2]) if not combining(letter))
    return "".join(letter for letter in letters.lower() if letter.isalnum())


def meant(shape: Shape) -> dict[str, str]:
    """Return ECS column → expression over the sample's fields, of those whose name says what they are."""
    found: dict[str, str] = {}
    for column, (aliases, made) in _MEANINGS.items():
        ranked = {alias: place for place, alias in enumerate(aliases.split())}
        named = [name for name in shape.fields if plain_name(name) in ranked and name not in _TAKEN]
        if named:
            first = min(named, key=lambda name: ranked[plain_name(name)])
            found[column] = made.format(f"pl.col({literal(first)})")
            if column == "user.name":
                found["user.domain"] = f"account_domain(pl.col({literal(first)}))"
    return found


def entries_of(shape: Shape, message: str, host: str = 'pl.col("sender")') -> tuple[str, set[str]]:
    """Return the entries of the mapping of ECS columns, and the helpers they use."""
    columns = {"event.kind": 'pl.lit("event")', "host.name": host, **meant(shape)}
    columns["message"] = f"pl.coalesce({columns['message']}, {message})" if "message" in columns else message
    lines = [f"    {literal(column)}: {made}," for column, made in columns.items()]
    used = {name for made in columns.values() for name in re.findall(r"\b([a-z_]+)\(", made)}
    return "\n".join(lines), used & {"account", "account_domain", "address", "integer", "words", "outcome"}


def imports_of(used: set[str], *, form: str, contract: str = "", unwrapping: str = "", times: str = "") -> str:
    """Return the import lines of the module; ``used`` names the functions that its expressions call."""
    values = sorted(used - {"outcome", "columns", "first"})
    fields = sorted(used & {"outcome", "columns", "first"})
    names = {"Maturity", "Parsed", "Parser", "Signature", *contract.split()}
    lines = [
        "import polars as pl",
        "",
        "from correlator.model.logsource import LogSource",
        f"from correlator.parse.contract import {', '.join(sorted(names))}",
        f"from correlator.parse.formats import {form}" if form else "",
        f"from correlator.parse.formats.fields import {', '.join(fields)}" if fields else "",
        "from correlator.parse.formats.making import Making",
        f"from correlator.parse.formats.unwrap import {unwrapping}" if unwrapping else "",
        f"from correlator.parse.formats.values import {', '.join(values)}" if values else "",
        f"from correlator.parse.times import {times}" if times else "",
    ]
    return "\n".join(line for place, line in enumerate(lines) if line or place == 1)


def source_of(head: Head) -> str:
    """Return the call that makes the log source."""
    return f"LogSource({literal(head.source.product)}, {literal(head.source.category)}, {literal(head.source.service)})"


def time_of(shape: Shape) -> tuple[str, str]:
    """Return the function that says when it happened, and what it imports."""
    absent = 'pl.col("sender").is_null()'
    if shape.stamp is None:
        body, names = "", ""
    else:
        columns = [f"pl.col({literal(name)})" for name in shape.stamp.fields]
        text = columns[0] if len(columns) == 1 else f'pl.concat_str({", ".join(columns)}, separator=" ")'
        made = f"to_utc({text}, _LAYOUTS, zone=zone)" if shape.stamp.layouts else f"epoch({text})"
        body = f"    written = {made}\n"
        absent = f"{columns[0]}.is_null() & {absent}"
        names = "to_utc, zone_of" if shape.stamp.layouts else "epoch"
    told = '"sent"' if shape.stamp is None else 'written, "sent"'
    argument = "zone: str" if shape.stamp and shape.stamp.layouts else ""
    return (
        f"def _time({argument}) -> pl.Expr:\n"
        '    """Return when it happened: the time of the record, else of its header, else of its reception."""\n'
        f'{body}    return pl.coalesce({told}, pl.when({absent}).then("received"))\n'
    ), names


def time_call(shape: Shape) -> str:
    """Return the call of the module's ``_time``."""
    return "_time(zone_of(raw))" if shape.stamp and shape.stamp.layouts else "_time()"


def constants(shape: Shape, read: Sequence[str]) -> str:
    """Return the constants that stand before the functions."""
    layouts = f"_LAYOUTS = {texts(shape.stamp.layouts)}\n" if shape.stamp and shape.stamp.layouts else ""
    return layouts + (
        f"#: Fields that are read below; every other is kept under its own name too.\n_READ = {texts(read)}\n" if read else ""
    )


def fields_read(shape: Shape) -> tuple[str, ...]:
    """Return the fields that the module reads by name."""
    named = re.findall(r'pl\.col\("([^"]+)"\)', " ".join(meant(shape).values()))
    wanted = {*named, *(shape.stamp.fields if shape.stamp else ()), *shape.common[:1]}
    return tuple(name for name in shape.fields if name in wanted and name not in _TAKEN)


def parser_call(head: Head, signature: str, *, required: str = "message", more: str = ' "*"', assembly: str = "") -> str:
    """Return the ``PARSER`` of the module."""
    return f"""PARSER = Parser(
    name={literal(head.name)},
    log_sources=({source_of(head)},),
    # Must never claim another product's line: sharpen it, and give plain texts that each record holds (any_text).
    signature={signature},
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared({more.strip()}),
    parse=_parse,
    required=({literal(required)},),{assembly}
)"""


def making_call(head: Head, entries: str) -> str:
    """Return the table of what the fields mean."""
    return f"""_MAKING = Making(
    dataset={literal(f"{head.name}.{head.source.service or head.source.category or 'log'}")},
    log_sources=({source_of(head)},),
    ecs={{
{indented(entries)}
    }},
)"""


def indented(text: str) -> str:
    """Return the lines of ``text``, four blanks further right."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def program_mark(shape: Shape) -> str:
    """Return the regex of the programs' names."""
    return "|".join(re.escape(program) for program in shape.programs)


def regex_lines(pattern: str) -> str:
    """Return a regex as raw texts that stand one below the other, each short enough for a line."""
    parts, left = [], pattern
    while len(left) > _WIDTH:
        cut = max(left.rfind(mark, 20, _WIDTH) for mark in ("(?P<", "(?:", " "))
        cut = cut if cut > 0 else _WIDTH
        cut = len(left[:cut].rstrip("\\")) or cut  # never inside an escape
        parts.append(left[:cut])
        left = left[cut:]
    return "\n".join(f"    r{_quoted(part)}" for part in [*parts, left])


def _quoted(part: str) -> str:
    """Return the part between quotes that it does not hold; one that holds both keeps the double ones."""
    if '"' not in part:
        return f'"{part}"'
    kept = part.replace("'", r"\x27")
    return f"'{kept}'"
