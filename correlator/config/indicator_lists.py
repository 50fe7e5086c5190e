"""Lists of indicators as others give them: plain values, CSV, MISP exports, STIX 2 bundles → frame INDICATOR.

Values are made comparable here (``hxxp://evil[.]example`` is ``http://evil.example``, hashes and names in lower case); what is
none is counted, never guessed. Text of a million lines is read by columns.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from correlator.config.csv_tables import folded
from correlator.errors import InputError, Problem
from correlator.model.indicator import INDICATOR, Kind, comparable_url
from correlator.model.raw import UTC_TIME

_MOST_BYTES = 1 << 30
_VALUE = (
    "value",
    "indicator",
    "ioc",
    "ioc value",
    "observable",
    "valeur",
    "indicateur",
    "ip",
    "domain",
    "url",
    "hash",
    "dst ip",
)
_UNTIL = ("valid until", "expires", "expiration", "expire", "valid to", "fin")
_LABEL = ("threat", "malware", "label", "comment", "description", "family", "menace", "commentaire", "signature")
_TRUST = ("confidence", "confiance", "confidence level", "score")
_SHAPES = (
    (Kind.ADDRESS, r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$|^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f.]*$"),
    (Kind.NETWORK, r"^(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f:]+)/[0-9]{1,3}$"),
    (Kind.HASH, r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$"),
    (Kind.URL, r"^[a-z][a-z0-9+.-]*://."),
    (Kind.MAIL, r"^[^@\s/]+@[^@\s/]+\.[a-z0-9-]+$"),
    (Kind.DOMAIN, r"^(?:\*?\.)?(?:[a-z0-9_\x{80}-\x{10ffff}-]+\.)+[a-z0-9\x{80}-\x{10ffff}-]{2,}$"),
    (Kind.URL, r"^[^\s/@]+\.[^\s/@]+/\S"),
)
_MISP = {"ip-src", "ip-dst", "domain", "hostname", "url", "md5", "sha1", "sha256", "email-src", "email", "uri"}
_COMPARED = re.compile(
    r"\[\s*(?:ipv4-addr|ipv6-addr|domain-name|url|email-addr):value\s*=\s*'((?:[^'\\]|\\.)*)'"
    r"|\[\s*file:hashes\.(?:'[^']+'|[A-Za-z0-9-]+)\s*=\s*'([^']*)'"
)
_TOGETHER = re.compile(r"\b(?:AND|FOLLOWEDBY)\b")


@dataclass(frozen=True, slots=True)
class ListRead:
    """A list as it was read: frame INDICATOR (``list`` 0) sorted by value, values of no kind that is known, some of them."""

    frame: pl.DataFrame
    refused: int
    examples: tuple[str, ...]


def read_list(path: Path, confidence: int, *, written: datetime, max_age: timedelta | None = None) -> ListRead:
    """Return what a list says. ``confidence``: of values whose list says none; ``written``: when the file was.

    Raises InputError when the file cannot be read, or holds nothing that is an indicator.
    """
    text = _text(path)
    rows = _from_json(path, text) if text.lstrip()[:1] in {"{", "["} else _from_lines(text)
    end = pl.lit(written + max_age if max_age else None, UTC_TIME)
    known = _kinds(rows).with_columns(
        pl.coalesce("until", end).alias("until"),
        pl.coalesce(pl.col("confidence").clip(0, 100), confidence).alias("confidence"),
        pl.lit(0).alias("list"),
    )
    typed = known.filter(pl.col("kind").is_not_null()).select(INDICATOR.names()).cast(INDICATOR)
    sorted_ = typed.sort("value", "confidence", descending=[False, True], maintain_order=True)
    good = sorted_.unique("value", keep="first", maintain_order=True).rechunk()
    bad = known.filter(pl.col("kind").is_null()).get_column("value")
    if good.is_empty():
        expected = "addresses, networks, domains, URLs, hashes or mail addresses: plain, CSV with titles, MISP or STIX 2 JSON"
        raise InputError([Problem(str(path), 0, "holds no indicator that is understood", expected)])
    return ListRead(good, bad.len(), tuple(bad.head(3).to_list()))


def read_values(path: Path) -> list[str]:
    """Return the values of a file, one a line; ``#`` begins a comment.

    Raises InputError when the file cannot be read.
    """
    lines = (line.partition("#")[0].strip() for line in _text(path).splitlines())
    return [line for line in lines if line]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError([Problem(str(path), 0, "is over 1 GiB", "split the list, or take a smaller one")])
        return path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise InputError(
            [Problem(str(path), 0, f"cannot be read: {error.strerror}", "name a file that Tocsin may read")]
        ) from error


def _from_lines(text: str) -> pl.DataFrame:
    """Return (value, until, confidence, label) of plain lines, or of CSV with titles."""
    lines = pl.Series("line", text.splitlines(), dtype=pl.String).str.strip_chars()
    told = lines.filter((lines != "") & ~lines.str.contains(r"^[#;/]"))
    titled = lines.filter(lines.str.contains(r"^#?\s*\"?[A-Za-z_ ]+\"?\s*[,;\t]")).head(1).to_list()
    separator = max(",;\t", key=(titled or [""])[0].count)
    titles = [folded(title) for title in (titled or [""])[0].lstrip("# ").split(separator)]
    if len(titles) > 1 and any(title in _VALUE for title in titles):
        rows = _table("\n".join(told.filter(told != titled[0]).to_list()), separator, len(titles))
        return rows.select(_cell(titles, _VALUE, "value"), *_more(titles))
    value = told.str.replace(r"\s+[#;].*$", "").str.split(",").list.first()
    return pl.DataFrame({"value": value}).with_columns(*_nothing())


def _table(text: str, separator: str, width: int) -> pl.DataFrame:
    """Return lines of CSV as columns of text named by their place; what is beyond ``width`` columns is left out."""
    schema = {str(place): pl.String for place in range(width)}
    return pl.read_csv(
        text.encode(), separator=separator, has_header=False, schema=schema, truncate_ragged_lines=True, raise_if_empty=False
    )


def _cell(titles: Sequence[str], names: Sequence[str], called: str) -> pl.Expr:
    at = next((titles.index(name) for name in names if name in titles), None)
    if at is None:
        return pl.lit(None, pl.String).alias(called)
    return pl.col(str(at)).str.strip_chars(' "').alias(called)


def _more(titles: Sequence[str]) -> Iterator[pl.Expr]:
    yield _moment(_cell(titles, _UNTIL, "until"))
    yield _cell(titles, _TRUST, "confidence").cast(pl.Int64, strict=False)
    yield _cell(titles, _LABEL, "label")


def _moment(text: pl.Expr) -> pl.Expr:
    day = text.str.slice(0, 19).str.replace(" ", "T", literal=True)
    whole = day.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    return pl.coalesce(whole, day.str.to_datetime("%Y-%m-%d", time_unit="us", strict=False)).dt.replace_time_zone("UTC")


def _nothing() -> Iterator[pl.Expr]:
    yield pl.lit(None, UTC_TIME).alias("until")
    yield pl.lit(None, pl.Int64).alias("confidence")
    yield pl.lit(None, pl.String).alias("label")


def _from_json(path: Path, text: str) -> pl.DataFrame:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError([Problem(str(path), error.lineno, f"is no JSON: {error.msg}", "export the list again")]) from error
    objects = document.get("objects") if isinstance(document, dict) else None
    rows = list(_stix(objects) if isinstance(objects, list) else _misp(document))
    schema = {"value": pl.String, "until": pl.String, "confidence": pl.Int64, "label": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(_moment(pl.col("until")))


_Row = tuple[str, str | None, int | None, str | None]


def _stix(objects: Sequence[Any]) -> Iterator[_Row]:
    """Yield the values of STIX indicators; a pattern whose parts mean something only together names no single value."""
    for one in objects:
        if not isinstance(one, dict) or one.get("type") != "indicator" or one.get("revoked"):
            continue
        pattern = str(one.get("pattern", ""))
        trust = one.get("confidence")
        for found in () if _TOGETHER.search(pattern) else _COMPARED.finditer(pattern):
            value = re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2])
            yield value, one.get("valid_until"), trust if isinstance(trust, int) else None, str(one.get("name", "")) or None


def _misp(document: object) -> Iterator[_Row]:
    """Yield the values of MISP attributes marked for detection, wherever in an export they stand."""
    if isinstance(document, list):
        for member in document:
            yield from _misp(member)
    elif isinstance(document, Mapping):
        kinds = str(document.get("type", "")).split("|")
        if "value" in document and _MISP & set(kinds):
            if document.get("to_ids", True) not in {False, "0"} and not document.get("deleted"):
                values = zip(kinds, str(document["value"]).split("|"), strict=False)
                yield from ((value, None, None, document.get("comment") or None) for kind, value in values if kind in _MISP)
            return
        for member in document.values():
            if isinstance(member, (dict, list)):
                yield from _misp(member)


def _kinds(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` with comparable values and their kind, null where it is none that is known."""
    value = pl.col("value").str.strip_chars(" \"'").str.replace_all(r"\[\.\]|\(\.\)|\[dot\]", ".").str.replace(r"^hxxp", "http")
    lower = rows.with_columns(value.str.to_lowercase().alias("lower"), value.alias("value"))
    kind = pl.coalesce(pl.when(pl.col("lower").str.contains(shape)).then(pl.lit(str(kind))) for kind, shape in _SHAPES)
    typed = lower.with_columns(kind.alias("kind"))
    is_url = pl.col("kind") == str(Kind.URL)
    plain = pl.when(is_url).then(comparable_url(pl.col("value"))).otherwise(pl.col("lower").str.replace(r"^\*?\.", ""))
    return typed.with_columns(plain.alias("value"))
