"""The text of a new parser's module, by what its sample is written in. Pure."""

import re

from correlator.harness.parser_pieces import (
    Head,
    constants,
    entries_of,
    fields_read,
    imports_of,
    indented,
    literal,
    making_call,
    parser_call,
    program_mark,
    regex_lines,
    source_of,
    texts,
    time_call,
    time_of,
)
from correlator.harness.sample_shape import Form, Shape

__all__ = ["Head", "module_text"]

_IPS = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_WORDS = re.compile(r"[^A-Za-z]+")
_MOST_PHRASES = 40


def module_text(head: Head, shape: Shape) -> str:
    """Return the module: it reads the sample as it is, and says what a person must still write."""
    body = {
        Form.KEYVALUE: _keyvalue, Form.JSON: _json, Form.CSV: _csv, Form.SENTENCES: _sentences, Form.COLUMNS: _lines,
        Form.REGEX: _lines,
    }[shape.form](head, shape)  # fmt: skip
    return f"{_manual(head)}\n\n{body.strip()}\n"


def _manual(head: Head) -> str:
    return (
        f'"""{head.name}: which product and versions (to be written).\n\n'
        "Sent here with: the clicks or commands on the product (to be written). Reference: what its maker calls the "
        "description of\n"
        'the log (to be written). Not read: to be written.\n"""'
    )


def _keyvalue(head: Head, shape: Shape) -> str:
    read = fields_read(shape)
    first = next((name for name in read if name in shape.common), read[0] if read else shape.fields[0])
    read = read or (first,)
    entries, used = entries_of(shape, 'pl.col("body")')
    time, names = time_of(shape)
    opening = [name for name in shape.common if all(body.startswith(f"{name}=") for body in shape.bodies)]
    if shape.programs:
        signature, helper = (
            f"Signature(pattern=tagged({literal(program_mark(shape))}, bare=False), rank=30)",
            "tagged, unwrap",
        )
    else:
        start = re.escape(opening[0] if opening else first) + "="
        literals = tuple(f"{name}=" for name in shape.common[:3])
        pattern = f"PREFIX + {literal(start)}" if opening else literal(rf"^[^\"]{{0,300}}\b{start}")
        helper = "PREFIX, unwrap" if opening else "unwrap"
        signature = f"Signature(pattern={pattern}, rank=40, literals={texts(literals)})"
    imports = imports_of(used, form="keyvalue", contract="Reason rejects_of", unwrapping=helper, times=names)
    return f'''{imports}

__all__ = ["PARSER"]

{constants(shape, read)}

def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without any pair is malformed."""
    lines = unwrap(raw)
    given = keyvalue.pairs(lines.get_column("body"), need=_READ, want=want)
    told = lines.hstack(given.select(_READ)).with_columns(raw.get_column("received"))
    is_line = lines.get_column("body").str.contains(r"(?:^|[\\s,;])[A-Za-z_][A-Za-z0-9_.-]*=")
    bad = rejects_of(raw.filter(~is_line), Reason.MALFORMED)
    return _MAKING.parsed(told.filter(is_line), {time_call(shape)}, want, bad=bad, rest=given.filter(is_line))


{time}

{making_call(head, entries)}

{parser_call(head, signature)}'''


def _json(head: Head, shape: Shape) -> str:
    read = fields_read(shape)
    entries, used = entries_of(shape, 'pl.col("body")')
    time, names = time_of(shape)
    literals = tuple(f'"{name.partition(".")[0]}"' for name in dict.fromkeys(shape.common[:4]))
    signature = f"Signature(pattern={literal('^[^{]{0,300}[{]')}, rank=40, literals={texts(tuple(dict.fromkeys(literals)))})"
    unwrapping = "unwrap"
    if shape.programs:
        signature = f"Signature(pattern=tagged({literal(program_mark(shape))}, bare=False), rank=30)"
        unwrapping = "tagged, unwrap"
    imports = imports_of(used | {"columns", "first"}, form="json", unwrapping=unwrapping, times=names)
    return f'''{imports}

__all__ = ["PARSER"]

{constants(shape, read or shape.fields[:1])}

def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    lines = unwrap(raw)
    asked = None if want is None else want | {{*_READ}}
    records = json.read(raw.with_columns(lines.get_column("body").alias("text")), asked)
    told = records.keys.join(lines, on="raw_row", how="left", maintain_order="left")
    read = columns(records.fields, [first(records.fields, name).alias(name) for name in _READ])
    time = {time_call(shape)}
    return _MAKING.parsed(told.hstack(read), time, want, bad=records.rejects, skipped=records.skipped, rest=records.fields)


{time}

{making_call(head, entries)}

{parser_call(head, signature)}'''


def _csv(head: Head, shape: Shape) -> str:
    read = fields_read(shape)
    entries, used = entries_of(shape, 'pl.col("body")')
    time, names = time_of(shape)
    header = r"^\x{feff}?" + re.escape(shape.header).replace("\\\t", r"\t")
    imports = imports_of(
        used | {"columns", "first"}, form="csv", contract="Header Reason rejects_of", unwrapping="unwrap", times=names
    )
    return f'''{imports}

__all__ = ["PARSER"]

{constants(shape, read or shape.fields[:1])}_HEADER, _COLUMNS = {literal(header)}, {len(shape.fields)}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line with another number of columns than the header line is malformed."""
    table = csv.read(raw.get_column("text"), separator={literal(shape.separator)})
    is_line = table.get_column(csv.FIELD_COUNT) == _COLUMNS
    read = columns(table, [first(table, name).alias(name) for name in _READ])
    lines = unwrap(raw).with_columns(pl.col("body").str.replace(r"^[^\\n]*\\n", ""))
    told = lines.hstack(read).with_columns(raw.get_column("received"))
    bad = rejects_of(raw.filter(~is_line), Reason.MALFORMED)
    rest = table.drop(csv.FIELD_COUNT).filter(is_line)
    return _MAKING.parsed(told.filter(is_line), {time_call(shape)}, want, bad=bad, rest=rest)


{time}

{making_call(head, entries)}

{parser_call(head, "Signature(pattern=_HEADER, rank=30)", assembly=chr(10) + "    assembly=Header(pattern=_HEADER),")}'''


def _lines(head: Head, shape: Shape) -> str:
    entries, used = entries_of(shape, 'pl.col("body")')
    time, names = time_of(shape)
    if shape.form is Form.COLUMNS:
        mark = r"\t" if shape.separator == "\t" else re.escape(shape.separator)
        inside = r"\t" if shape.separator == "\t" else shape.separator
        pattern = f" *{mark} *".join(rf"(?P<{name}>[^{inside}]*?)" for name in shape.fields)
        pattern, rank = rf"^{pattern}\s*$", 70
    elif shape.stamp is not None:
        digits = r"[0-9]{2,4}[-/.][0-9]{2}[-/.][0-9]{2,4}[T ][0-9:]{5,8}(?:\.[0-9]{1,9})?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?"
        stamp = rf"\[?(?P<time>{digits})\]?"
        pattern, rank = rf"(?s)^{stamp}[,;: ]*(?:\[?(?P<level>[A-Z]{{4,9}})\]?[: ]+)?(?P<text>.*)$", 70
    else:
        pattern, rank = r"(?s)^(?P<text>.*\S.*)$", 89
    imports = imports_of(used, form="", contract="Reason rejects_of", unwrapping="unwrap", times=names)
    first = "text" if shape.form is Form.REGEX else shape.fields[0]
    return f'''{imports}

__all__ = ["PARSER"]

{constants(shape, ())}#: One line: name its parts, ``(?P<name>…)``; each is a field.
_LINE = (
{regex_lines(pattern)}
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line of another form is malformed."""
    lines = unwrap(raw)
    parts = lines.get_column("body").str.extract_groups(_LINE).struct.unnest()
    told = lines.hstack(parts).with_columns(raw.get_column("received"))
    is_line = parts.get_column({literal(first)}).is_not_null()
    bad = rejects_of(raw.filter(~is_line), Reason.MALFORMED)
    return _MAKING.parsed(told.filter(is_line), {time_call(shape)}, want, bad=bad, rest=parts.filter(is_line))


{time}

{making_call(head, entries)}

{parser_call(head, f"Signature(pattern=_LINE, rank={rank})")}'''


def _sentences(head: Head, shape: Shape) -> str:
    seen: dict[str, str] = {}
    for body in shape.bodies:
        pattern, action = _phrase(body)
        if action and pattern not in seen:
            seen[pattern] = action
        if len(seen) >= _MOST_PHRASES:
            break
    phrases = "\n".join(
        f'    Phrase(\n{indented(regex_lines(pattern))},\n        {{"event.action": {literal(action)}}},\n    ),'
        for pattern, action in seen.items()
    )
    names = texts(sorted({program.lower().rpartition("/")[2] for program in shape.programs}))
    dataset = f"{head.name}.{head.source.service or head.source.category or 'log'}"
    return f'''import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.unwrap import tagged

__all__ = ["PARSER"]

#: The sentences of the sample. Name what varies after its ECS column (``(?P<user.name>…)``), and say what each one means:
#: "event.outcome", "event.category": ("authentication",), "event.type": ("start",).
_PHRASES = (
{phrases}
)
_PROGRAMS = (Program({literal(dataset)}, ({source_of(head)},), {names}, _PHRASES),)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the programs."""
    return read_programs(raw, want, _PROGRAMS)


PARSER = Parser(
    name={literal(head.name)},
    log_sources=({source_of(head)},),
    # Must never claim another product's line.
    signature=Signature(pattern=tagged({literal(program_mark(shape))}, bare=False), rank=30),
    maturity=Maturity.UNPROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)'''


_VARYING = (
    (rf"\b{_IPS}\b|\b[0-9A-Fa-f]{{0,4}}:[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*[0-9A-Fa-f]\b", "source.address", r"[0-9A-Fa-f.:]+"),
    (r"(?<=[Pp]ort )[0-9]+\b", "source.port", "[0-9]+"),
    (r"(?<=[Uu]ser )(?!from\b|name\b|was\b|is\b|has\b)[^\s,;:]+|(?<=for )[a-z][^\s,;:]*(?= from )", "user.name", r"\S+?"),
    (r"\"[^\"]*\"|'[^']*'", "", r"[\x22\x27][^\x22\x27]*[\x22\x27]"),
    (r"\b[0-9A-Fa-f]{8,}\b|\b[0-9]+(?:\.[0-9]+)?\b", "", "[0-9A-Fa-f.]+"),
)


def _phrase(sentence: str) -> tuple[str, str]:
    """Return the regex of a sentence, what varies in it as groups or classes, and a name made of the words that stay."""
    marks: dict[str, str] = {}
    text = sentence.strip()
    used: set[str] = set()
    for pattern, column, kind in _VARYING:

        def put(_found: re.Match[str], column: str = column, kind: str = kind) -> str:
            mark = f"\x00{chr(0xE000 + len(marks))}\x00"
            is_first = bool(column) and column not in used
            used.add(column)
            marks[mark] = f"(?P<{column}>{kind})" if is_first else kind
            return mark

        text = re.sub(pattern, put, text)
    words = [word.lower() for word in _WORDS.split(re.sub("\x00.\x00", " ", text)) if len(word) > 1][:4]
    escaped = re.escape(text).replace(r"\ ", " ")
    for mark, kind in marks.items():
        escaped = escaped.replace(re.escape(mark), kind).replace(mark, kind)
    return rf"^{escaped}$", "_".join(words)
