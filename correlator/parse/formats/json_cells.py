"""JSON records → cells: dotted name → text or list of texts, record by record, the wanted ones alone where that is enough.

Two decoders read the same: ``orjson`` where no number of a text can be rounded and nothing is refused, else the exact one.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import orjson
import polars as pl

from correlator.model.reject import Reason
from correlator.parse.columns import list_column, text_column
from correlator.parse.formats.json_exact import dumps, loads

__all__ = ["MAX_DEPTH", "MAX_NAMES", "Shape", "Table", "may_be_rounded"]

#: Limits of a record: levels of nesting, names after flattening.
MAX_DEPTH = 8
MAX_NAMES = 512
_PAIR = 5  # characters of the shortest name and value: "":0,

_Cell = str | list[str]
#: A number that ``orjson`` may not give back as it is written: decimals, exponents, many digits, minus nought.
_ROUNDED = r'(?:"[ \t\r\n]*:|[\[,])[ \t\r\n]*(?:-?[0-9]+[.eE]|-?[0-9]{19}|-0)'
_MINUS_NOUGHT = re.compile(r"[:\[,][ \t\r\n]*-0")


class _TooDeepError(ValueError):
    """Nesting or number of names over the limit."""


class _RoundedError(ValueError):
    """What is wanted of a record holds a number that the quick decoder may have rounded."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How arrays of a source are read, besides the general rule.

    ``pairs``: dotted name of an array of objects → the key's name, then the names of its values: ``Parameters`` →
    ``("Name", "Value")`` makes ``[{"Name":"To","Value":"x"}]`` the column ``Parameters.To``; further values give
    ``<name>.<key>.<value's name>``. ``whole``: arrays that stay JSON text, even when they are empty.
    """

    pairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    max_depth: int = MAX_DEPTH


def may_be_rounded(text: pl.Series) -> pl.Series:
    """Say which texts may hold numbers that only the exact decoder keeps as they are written."""
    return text.str.contains(_ROUNDED).fill_null(value=False)


class Table:
    """Records that become columns: ``want`` names those somebody needs (None: all)."""

    def __init__(self, want: frozenset[str] | None, shape: Shape, max_columns: int) -> None:
        """Begin without records; a record with which there would be more than ``max_columns`` names is refused."""
        self._rows: list[dict[str, _Cell]] = []
        self._names: dict[str, None] = {}
        self._want = want
        self._quickly = _Walks(want, shape, _quick_dumps)
        self._exactly = _Walks(want, shape, dumps)
        self._max_columns = max_columns

    def add(self, text: str | None, *, exactly: bool) -> str | None:
        """Add a record; return the reason when it is refused, and its row stays empty.

        ``exactly``: it may hold numbers that are rounded. Where only some names are wanted, that is seen at these themselves.
        """
        cells, reason = self._read(text or "", exactly=exactly)
        self._rows.append(cells)
        return reason

    def _read(self, text: str, *, exactly: bool) -> tuple[dict[str, _Cell], str | None]:
        if not exactly:
            try:
                return self._kept(self._quickly.cells(orjson.loads(text), text)), None
            except _TooDeepError:
                return {}, str(Reason.TOO_DEEP)
            except (ValueError, RecursionError):  # _RoundedError among them
                pass  # what the quick decoder refuses, the exact one judges
        try:
            return self._kept(self._exactly.cells(loads(text), text)), None
        except (_TooDeepError, RecursionError):
            return {}, str(Reason.TOO_DEEP)
        except ValueError:
            return {}, str(Reason.MALFORMED)

    def _kept(self, cells: dict[str, _Cell]) -> dict[str, _Cell]:
        is_all = self._want is None or cells.keys() <= self._want
        kept = cells if is_all or self._want is None else {name: cells[name] for name in cells if name in self._want}
        if not kept.keys() <= self._names.keys():
            names = {**self._names, **dict.fromkeys(kept)}
            if len(names) > self._max_columns:
                raise _TooDeepError
            self._names = names
        return kept

    def frame(self) -> pl.DataFrame:
        """Return the columns, one row per record; a name that is a list somewhere is a list everywhere."""
        series = [_series(name, list(map(dict.get, self._rows, repeat(name)))) for name in self._names]
        return pl.DataFrame(series) if series else pl.DataFrame(height=len(self._rows))


def _series(name: str, cells: Sequence[_Cell | None]) -> pl.Series:
    if list not in set(map(type, cells)):
        return text_column(name, cells)  # type: ignore[arg-type]  # no list among them
    return list_column(name, [[cell] if isinstance(cell, str) else cell for cell in cells])


def _quick_dumps(value: object) -> str:
    return orjson.dumps(value).decode()


@dataclass(slots=True)
class _Walks:
    """The whole walk and the narrow one over values of one decoder."""

    want: frozenset[str] | None
    shape: Shape
    dumps: Callable[[object], str]
    _whole: "_Walk" = field(init=False)
    _narrow: "_Narrow | None" = field(init=False)

    def __post_init__(self) -> None:
        """Make both walks."""
        self._whole = _Walk(self.shape, self.dumps)
        narrow = _Quick if self.dumps is _quick_dumps else _Narrow
        self._narrow = None if self.want is None else narrow(self.shape, self.dumps, self.want)

    def cells(self, record: object, text: str) -> dict[str, _Cell]:
        """Return the cells of a record: the wanted ones alone, unless it may be over a limit, which only a whole walk says.

        Raises ValueError for what is no object.
        """
        if not isinstance(record, dict):
            raise ValueError("no object")  # noqa: TRY004 - malformed input, not a fault of the caller
        if self._narrow is None:
            return self._whole.cells(record)
        if not self._narrow.is_within(record, text):
            if isinstance(self._narrow, _Quick):
                raise _RoundedError
            return self._whole.cells(record)
        return self._narrow.cells_of(record, text)


class _Walk:
    """Turns one record into its cells: dotted name → text or list of texts."""

    def __init__(self, shape: Shape, to_text: Callable[[object], str]) -> None:
        self._shape = shape
        self._special = shape.whole | shape.pairs.keys()
        self._dumps = to_text

    def cells(self, record: dict[str, object]) -> dict[str, _Cell]:
        """Return every name below ``record``; raises ``_TooDeepError`` over a limit."""
        cells: dict[str, _Cell] = {}
        self._object(record, "", self._shape.max_depth, cells)
        return cells

    def _is_told(self, name: str) -> bool:  # noqa: ARG002 - the narrow walk asks
        """Say whether the text of the array or object ``name`` is needed."""
        return True

    def _object(self, record: dict[str, object], prefix: str, depth: int, cells: dict[str, _Cell]) -> None:
        if depth == 0 or len(cells) + len(record) > MAX_NAMES:
            raise _TooDeepError
        for key, value in record.items():
            name = prefix + key
            if isinstance(value, str):
                cells[name] = value
            elif isinstance(value, dict):
                cells[name] = self._dumps(value)
                self._object(value, name + ".", depth - 1, cells)
            elif isinstance(value, list):
                self._array(value, name, depth - 1, cells)
            elif value is not None:
                cells[name] = self._dumps(value)

    def _array(self, members: list[object], name: str, depth: int, cells: dict[str, _Cell]) -> None:
        """Add an array: scalars as a list of texts; else its text, and the values of its objects as one list per name."""
        nested = any(isinstance(member, (dict, list)) for member in members)
        if nested or name in self._special:
            if self._is_told(name):
                cells[name] = self._dumps(members)
        elif members:
            cells[name] = [
                member if isinstance(member, str) else self._dumps(member) for member in members if member is not None
            ]
        if nested and name in self._shape.pairs:
            self._pairs(members, name, self._shape.pairs[name], cells)
        elif nested:
            self._gather(members, name, depth, cells)

    def _gather(self, members: list[object], name: str, depth: int, cells: dict[str, _Cell]) -> None:
        gathered: dict[str, _Cell] = {}
        for member in members:
            below: dict[str, _Cell] = {}
            if isinstance(member, dict):
                self._object(member, name + ".", depth, below)
            for path, cell in below.items():
                held = gathered.setdefault(path, [])
                if isinstance(held, list):
                    held.extend([cell] if isinstance(cell, str) else cell)
        cells.update(gathered)

    def _pairs(self, members: list[object], name: str, shape: tuple[str, ...], cells: dict[str, _Cell]) -> None:
        key_name, first, *others = shape
        for member in members:
            key = member.get(key_name) if isinstance(member, dict) else None
            if not isinstance(member, dict) or not isinstance(key, str) or not key:
                continue
            values = [(first, f"{name}.{key}"), *((other, f"{name}.{key}.{other}") for other in others)]
            for value_name, path in values:
                value = member.get(value_name)
                if value is not None:
                    cells[path] = value if isinstance(value, str) else self._dumps(value)
        if len(cells) > MAX_NAMES:
            raise _TooDeepError


class _Narrow(_Walk):
    """Looks at the wanted names only, and at what they lie in; some names beside them may be among the cells too."""

    def __init__(self, shape: Shape, to_text: Callable[[object], str], want: Iterable[str]) -> None:
        super().__init__(shape, to_text)
        self._want = frozenset(want)
        # names to look at → whether wanted names lie below them
        self._asked = dict.fromkeys(self._want, False)
        self._asked |= {name[:place]: True for name in self._want for place, sign in enumerate(name) if sign == "." and place}
        self._levels: dict[str, dict[str, tuple[str, bool, bool]]] = {}

    def is_within(self, record: dict[str, object], text: str) -> bool:
        """Say whether ``record`` is surely within the limits of names and depth, which this walk does not look at."""
        depth = self._shape.max_depth
        is_small = len(text) < _PAIR * MAX_NAMES or text.count(":") <= MAX_NAMES
        return is_small and (text.count("{") + text.count("[") <= depth or _is_shallow(record, depth))

    def cells_of(self, record: dict[str, object], text: str) -> dict[str, _Cell]:  # noqa: ARG002 - the quick walk looks at it
        """Return the cells of a record of that text."""
        return self.cells(record)

    def _is_told(self, name: str) -> bool:
        return name in self._want

    def _level(self, prefix: str) -> dict[str, tuple[str, bool, bool]]:
        """Return the keys to look at below a prefix: the whole name, whether it is wanted, whether wanted names lie below."""
        if prefix not in self._levels:
            names = [name for name in self._asked if name.startswith(prefix) and len(name) > len(prefix)]
            self._levels[prefix] = {name[len(prefix) :]: (name, name in self._want, self._asked[name]) for name in names}
        return self._levels[prefix]

    def _object(self, record: dict[str, object], prefix: str, depth: int, cells: dict[str, _Cell]) -> None:
        level = self._levels.get(prefix) or self._level(prefix)
        for key, value in record.items():
            found = level.get(key)
            if found is None or value is None:
                continue
            if type(value) is not str:
                self._other(value, found, depth, cells)
            elif found[1]:
                cells[found[0]] = value

    def _other(self, value: object, found: tuple[str, bool, bool], depth: int, cells: dict[str, _Cell]) -> None:
        """Add what is no text."""
        name, is_wanted, has_more = found
        if isinstance(value, list):
            self._array(value, name, depth, cells)
            return
        if is_wanted:
            cells[name] = self._dumps(value)
        if has_more and isinstance(value, dict):
            self._object(value, name + ".", depth, cells)


class _Quick(_Narrow):
    """Walks values of the quick decoder; raises ``_RoundedError`` where a number that is wanted may be rounded."""

    def __init__(self, shape: Shape, to_text: Callable[[object], str], want: Iterable[str]) -> None:
        super().__init__(shape, to_text, want)
        self._dumps = self._sure
        self._met_nought = False

    def cells_of(self, record: dict[str, object], text: str) -> dict[str, _Cell]:
        """Return the cells of a record of that text."""
        self._met_nought = False
        cells = self.cells(record)
        if self._met_nought and "-0" in text and _MINUS_NOUGHT.search(text):
            raise _RoundedError
        return cells

    def _sure(self, value: object) -> str:
        """Return the JSON text of a value in which no number is rounded."""
        kind = type(value)
        if kind is bool:
            return "true" if value else "false"
        if kind is int and value:
            return str(value)
        self._look(value)
        return _quick_dumps(value)

    def _look(self, value: object) -> None:
        """Look for numbers that may be rounded: decimals (too great integers among them), and nought, which may be minus."""
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, list):
            value = (value,)
        for member in value:
            kind = type(member)
            if kind is float:
                raise _RoundedError
            if kind is dict or kind is list:
                self._look(member)
            elif kind is int and not member:
                self._met_nought = True


def _is_shallow(value: Iterable[object], depth: int) -> bool:
    """Say whether no object in ``value``, an object itself, lies deeper than ``depth``."""
    members = value.values() if isinstance(value, dict) else value
    below = [member for member in members if type(member) is dict or type(member) is list]
    return not below or (depth > 1 and all(_is_shallow(member, depth - 1) for member in below))
