"""A condition as Python source of one polars expression over an event frame: to read, to keep, to run elsewhere.

Columns are text, but those of ECS, which have the dtypes of ``model.event``. A column that a frame lacks must be added first,
as nulls: an expression cannot ask whether it is there. The engine does not run this; tests hold the two equal.
"""

from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_network

import polars as pl

from correlator.detect.addresses import network_range, sortable
from correlator.detect.plan import And, Leaf, Node, Not, Or, leaves, pattern_tokens
from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import LogSource

_TEXT_LIST = pl.List(pl.String())
_WIDTH = 120
_META = frozenset("\\.+*?()|[]{}^$#&-~")
_WILD = {"*": ".*", "?": ".", "-": "[-/–—―]"}
_PATTERNS_AT_ONCE = 40
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
_COMPARED = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_REFERENCES = {
    "equals_field": "{0} == {1}", "contains_field": "{0}.str.contains({1}, literal=True)",
    "startswith_field": "{0}.str.starts_with({1})", "endswith_field": "{0}.str.ends_with({1})",
}  # fmt: skip
_TIME = r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:[.,]\d+)?)?\s?(Z|z|UTC|[+-]\d{2}:?\d{2})?$"
_OCTET = r"(0|[1-9]\d{0,2})"
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_SORTABLE = "from correlator.detect.addresses import sortable"


def expression_of(node: Node, lists: Collection[str] = ()) -> pl.Expr:
    """Return ``node`` as a Boolean expression without nulls; the columns ``lists``, and those of ECS that are, hold lists."""
    return evaluated(source_of(node, lists))


def evaluated(source: str) -> pl.Expr:
    """Return the expression that ``source`` makes, which must come from this module."""
    made: pl.Expr = eval(source, {"pl": pl, "sortable": sortable})  # noqa: S307 - texts of rules are quoted literals in it
    return made


def only_source(node: Node) -> str:
    """Return why the expression of ``node`` cannot be serialised; empty when it can: IPv6 texts go through ``ipaddress``."""
    asked = (leaf for leaf in leaves(node) if leaf.operator == "cidr" and any(":" in str(value) for value in leaf.values))
    return next((f"{leaf.field} is asked for an IPv6 network" for leaf in asked), "")


def unable(node: Node, lists: Collection[str] = ()) -> str:
    """Return why ``node`` cannot be one expression of polars at all; empty when it can."""
    for leaf in leaves(node):
        if leaf.operator in _REFERENCES and any(is_list(str(name), lists) for name in (leaf.field, *leaf.values)):
            return f"{leaf.field} is compared with another field, and one of them is a list"
    return ""


def is_list(field: str, lists: Collection[str]) -> bool:
    """Say whether ``field`` is a column of lists."""
    return field in lists or ECS.get(field) == _TEXT_LIST


def heading(sources: str) -> str:
    """Return the first lines of a module of ``sources``: what they import, and the mapping they fill."""
    imports = "import polars as pl\n" + (f"{_SORTABLE}\n" if "sortable(" in sources else "")
    return f"{imports}\nrules: dict[str, pl.Expr] = {{}}"


def assignment(name: str, source: str) -> str:
    """Return the statement that gives ``source`` the name ``name`` in the mapping."""
    return f"rules[{_quoted(name)}] = {source}"


def source_of(node: Node, lists: Collection[str] = ()) -> str:
    """Return the Python expression of ``node``; parts that do not fit on a line stand on lines of their own."""
    return "\n".join(_lines(node, lists))


def logsource_source(source: LogSource) -> str:
    """Return the Python expression that says whether the column ``logsource`` of an event feeds ``source``."""
    parts = ("".join(map(_escaped, part)) if part else "[^ /]*" for part in (source.product, source.category, source.service))
    pattern = f"(?i)(?:^| ){'/'.join(parts)}(?: |$)"
    return f'pl.col("logsource").str.contains({_quoted(pattern)}).fill_null(False)'


def _lines(node: Node, lists: Collection[str]) -> Iterator[str]:
    match node:
        case Leaf():
            yield _leaf(node, lists)
        case Not():
            yield from _bracketed("~(", _lines(node.part, lists), ")")
        case And() | Or():
            if not node.parts:
                yield f"pl.lit({isinstance(node, And)})"
                return
            parts = [list(_lines(part, lists)) for part in node.parts]
            lines = [line for part in parts for line in (*part[:-1], f"{part[-1]},")]
            yield from _bracketed(f"pl.{'all' if isinstance(node, And) else 'any'}_horizontal(", iter(lines), ")")


def _bracketed(before: str, inside: Iterator[str], after: str) -> Iterator[str]:
    lines = list(inside)
    single = before + " ".join(lines).removesuffix(",") + after
    if len(lines) == 1 and len(single) <= _WIDTH:
        yield single
        return
    yield before
    yield from (f"    {line}" for line in lines)
    yield after


def _leaf(leaf: Leaf, lists: Collection[str]) -> str:
    if leaf.field is None:
        return f"pl.any_horizontal({_test(leaf, _folded(leaf, _KEYWORD))}.fill_null(False))"
    column = f"pl.col({_quoted(leaf.field)})"
    if leaf.operator in {"null", "exists"}:
        return f"{column}.is_null()" if leaf.operator == "null" else f"{column}.is_not_null()"
    if leaf.operator in _REFERENCES:
        sides = [_folded(leaf, _text(name)) for name in (leaf.field, str(leaf.values[0]))]
        return f"({_REFERENCES[leaf.operator].format(*sides)}).fill_null(False)"
    if is_list(leaf.field, lists):
        member = f"{_test(leaf, _folded(leaf, 'pl.element()'))}.fill_null(False)"
        return f"{column}.list.eval({member}).list.any().fill_null(False)"
    return f"{_test(leaf, _folded(leaf, _text(leaf.field)))}.fill_null(False)"


_KEYWORD = f"(pl.selectors.string() - pl.selectors.by_name({', '.join(map(repr, sorted(RESERVED)))}, require_all=False))"


def _text(field: str) -> str:
    return f"pl.col({_quoted(field)})" + (".cast(pl.String)" if ECS.get(field) == pl.Int64() else "")


def _folded(leaf: Leaf, column: str) -> str:
    if leaf.cased or leaf.part or leaf.operator in {"regex", "cidr", "present", *_COMPARED}:
        return column
    greek = any("σ" in str(value) for value in leaf.values)
    return f"{column}.str.to_lowercase()" + ('.str.replace_all("ς", "σ", literal=True)' if greek else "")


def _test(leaf: Leaf, column: str) -> str:
    value = _part(column, leaf.part) if leaf.part else column
    texts = [str(one) for one in leaf.values]
    if leaf.operator in _COMPARED:
        number = f"pl.when({value}.str.contains({_quoted(_NUMBER)})).then({value}).cast(pl.Float64, strict=False)"
        return f"({number} {_COMPARED[leaf.operator]} {float(leaf.values[0])!r})"
    if leaf.operator in _MANY and len(texts) > 1:
        return f"{value}{_MANY[leaf.operator]}({_listed(texts)})"
    single = _SINGLE[leaf.operator]
    return _any(single(value, text) for text in _asked(leaf, texts))


def _asked(leaf: Leaf, texts: list[str]) -> list[str]:
    """Return what is asked one by one: wildcard patterns as few regular expressions; something without values once."""
    return _patterns(texts) if leaf.operator == "like" else texts or [""]


def _network(column: str, network: str) -> str:
    """Return the test of one network: an IPv4 one by the octets, an IPv6 one through ``sortable``, which Tocsin brings."""
    parsed = ip_network(network)
    if parsed.version == 6:  # noqa: PLR2004 - IPv6
        first, last = network_range(network)
        return f"sortable({column}).is_between(pl.lit({_quoted(first)}), pl.lit({_quoted(last)}))"
    groups = f"{column}.str.extract_groups({_quoted(_IPV4)})"
    places = [f'{groups}.struct.field("{place}").cast(pl.Int64)' for place in (1, 2, 3, 4)]
    valid = f"pl.all_horizontal({', '.join(f'{place} <= 255' for place in places)})"
    number = " + ".join(f"{place} * {256**power}" for place, power in zip(places, (3, 2, 1, 0), strict=True))
    return f"({valid} & ({number}).is_between({int(parsed[0])}, {int(parsed[-1])}))"


_MANY = {"equals": ".is_in", "contains": ".str.contains_any"}
_SINGLE: dict[str, Callable[[str, str], str]] = {
    "equals": lambda value, text: f"({value} == {_quoted(text)})",
    "contains": lambda value, text: f"{value}.str.contains({_quoted(text)}, literal=True)",
    "startswith": lambda value, text: f"{value}.str.starts_with({_quoted(text)})",
    "endswith": lambda value, text: f"{value}.str.ends_with({_quoted(text)})",
    "like": lambda value, text: f"{value}.str.contains({_quoted(text)})",
    "regex": lambda value, text: f"{value}.str.contains({_quoted(text)})",
    "present": lambda value, _: f"{value}.is_not_null()",
    "cidr": _network,
}


def _any(tests: Iterator[str]) -> str:
    found = list(tests)
    return found[0] if len(found) == 1 else f"pl.any_horizontal({', '.join(found)})"


def _patterns(texts: Collection[str]) -> list[str]:
    each = ["".join(_WILD[char] if wild else _escaped(char) for char, wild in pattern_tokens(text)) for text in texts]
    groups = [each[start : start + _PATTERNS_AT_ONCE] for start in range(0, len(each), _PATTERNS_AT_ONCE)]
    return [rf"(?s)\A(?:{'|'.join(group)})\z" for group in groups]


def _escaped(char: str) -> str:
    return f"\\{char}" if char in _META else char


def _part(column: str, part: str) -> str:
    """Return the source of one part of the UTC time that ``column`` holds, as text."""
    groups = f"{column}.str.strip_chars().str.extract_groups({_quoted(_TIME)}).struct.field"
    clock = f'({groups}("2").fill_null("00:00") + {groups}("3").fill_null(":00"))'
    local = f'({groups}("1") + "T" + {clock}).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)'
    offset = f'{groups}("4")'
    bare = f'{offset}.str.replace(":", "", literal=True)'
    signed = f'pl.when({offset}.str.contains(r"^[+-]")).then({bare}).otherwise(pl.lit("+0000"))'
    minutes = f"({signed}.str.slice(1, 2).cast(pl.Int64) * 60 + {signed}.str.slice(3, 2).cast(pl.Int64))"
    sign = f'pl.when({signed}.str.starts_with("-")).then(-1).otherwise(1)'
    return f"({local} - pl.duration(minutes={minutes} * {sign})).dt.{part}().cast(pl.String)"


def _listed(texts: Collection[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _quoted(text: str) -> str:
    """Return ``text`` as a Python literal: raw where it holds backslashes and can be, or escaped."""
    plain = text.isprintable() and '"' not in text
    if plain and "\\" not in text:
        return f'"{text}"'
    return f'r"{text}"' if plain and not text.endswith("\\") else repr(text)
