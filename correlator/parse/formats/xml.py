"""XML fragments, safely: no document type, no entities of their own, bounded depth, per record in Python (expat).

Log records hold XML as a fragment: no root, several elements in a row, a declaration in the middle, control characters that
XML does not allow. They are read as a forest of plain elements without namespaces.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from xml.parsers import expat

import polars as pl

from correlator.parse.formats.keyvalue import widen

__all__ = ["MAX_DEPTH", "Element", "MalformedXmlError", "TooDeepError", "named_data", "read_elements"]

#: Deepest nesting that is still a log record.
MAX_DEPTH = 64

_DECLARATION = re.compile(r"<\?xml[^>]*\?>")
_DATA = r"(?s)<Data Name=[\"'][^\"'<>]{1,128}[\"'](?:\s*/>|>.*?(?:</Data>|$))"
_DATA_PARTS = r"(?s)^<Data Name=[\"'](?P<key>[^\"'<>]+)[\"'](?:>(?P<value>.*?)(?:</Data>|<?/?[A-Za-z]{0,4}$)|\s*/>)"
_MOST_DATA = 256
_REFERENCES = {
    "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&#39;": "'", "&#34;": '"', "&amp;": "&", "&#xD;": "\r",
    "&#xA;": "\n", "&#x9;": "\t", "&#13;": "\r", "&#10;": "\n", "&#9;": "\t",
}  # fmt: skip
_ILLEGAL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));"
)


class MalformedXmlError(ValueError):
    """The text is not a forest of XML elements, or it brings a document type."""


class TooDeepError(MalformedXmlError):
    """Elements are nested deeper than ``MAX_DEPTH``."""


@dataclass(slots=True)
class Element:
    """An element without namespace: ``name`` and attribute names have no prefix, ``text`` is its own text, joined."""

    name: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""


def read_elements(text: str) -> tuple[Element, ...]:
    """Return the elements of ``text`` in order; text between them is ignored.

    Characters that XML forbids are dropped first, written out or as references. ``xmlns`` attributes are left out.

    Raises:
        TooDeepError: nested deeper than ``MAX_DEPTH``.
        MalformedXmlError: not well formed, or with a document type (that is where entity bombs live).
    """
    builder = _Builder()
    try:
        builder.feed(_ILLEGAL.sub("", _DECLARATION.sub("", text)))
    except expat.ExpatError as error:
        raise MalformedXmlError(
            f"XML is not well formed at character {error.offset}: {expat.ErrorString(error.code)}"
        ) from None
    return tuple(builder.root.children)


class _Builder:
    """Collects expat's calls into elements below a root that is not part of the text."""

    def __init__(self) -> None:
        self.root = Element("", {})
        self._open = [self.root]
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, text: str) -> None:
        self._parser.Parse(b"<forest>", False)  # noqa: FBT003 - expat takes the argument by place only
        self._parser.Parse(text.encode(), False)  # noqa: FBT003 - same
        self._parser.Parse(b"</forest>", True)  # noqa: FBT003 - same

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH + 1:
            raise TooDeepError(f"XML is nested deeper than {MAX_DEPTH} elements")
        plain = {_local(key): value for key, value in attributes.items() if not key.startswith("xmlns")}
        element = Element(_local(name), plain)
        self._open[-1].children.append(element)
        self._open.append(element)
        if len(self._open) == 2:  # noqa: PLR2004 - root and the forest element around the text
            self.root = element

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text

    def _doctype(self, *_declaration: object) -> None:
        raise MalformedXmlError("XML brings a document type; log records have none")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def named_data(text: pl.Series, wanted: Collection[str] | None = None, *, need: Collection[str] = ()) -> pl.DataFrame:
    """Return one row per text with a text column per ``<Data Name="…">`` in it: the flat part of an event, without a parser.

    All texts at once, and tolerant: what a sender cut off behind some value costs that value alone. Values are the texts
    between the tags, references decoded; the last of two equal names wins. ``wanted``: the names somebody needs (None: all);
    they, and those of ``need``, are columns even where no text has them.
    """
    tags = text.str.extract_all(_DATA).list.head(_MOST_DATA)
    parts = pl.DataFrame({"tag": tags}).with_row_index("row").explode("tag").drop_nulls("tag")
    named = parts.select("row", pl.col("tag").str.extract_groups(_DATA_PARTS).struct.unnest())
    asked = named if wanted is None else named.filter(pl.col("key").is_in(list(wanted)))
    return widen(asked.with_columns(_decoded(pl.col("value"))), text.len(), need=sorted({*(wanted or ()), *need}))


def _decoded(text: pl.Expr) -> pl.Expr:
    """Return the text with XML's own references resolved, and line breaks said as numbers."""
    said = text.str.replace_many(_REFERENCES)
    return pl.when(text.str.contains("&", literal=True)).then(said).otherwise(text)
