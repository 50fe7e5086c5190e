r"""CEF: ``CEF:0|Vendor|Product|Version|SignatureID|Name|Severity|key=value …``, vectorised over a text column.

Blanks inside values are not escaped, so a value runs up to the blank before the next key. A message may hold ` user=…`:
after ``msg=``, an unknown name in lower case is taken as more of the message.
"""

from collections.abc import Collection

import polars as pl

from correlator.parse.formats.keyvalue import MAX_PAIRS, widen

__all__ = ["HEADER", "KEYS", "split"]

#: Columns of the header, in order.
HEADER = (
    "cef.version",
    "cef.device_vendor",
    "cef.device_product",
    "cef.device_version",
    "cef.signature_id",
    "cef.name",
    "cef.severity",
)

_DICTIONARY = (
    "act agt ahost aid amac app art at atz av c6a1 c6a2 c6a3 c6a4 cat cfp1 cfp2 cfp3 cfp4 cn1 cn2 cn3 cnt cs1 cs2 cs3 cs4 "
    "cs5 cs6 customerURI destinationDnsDomain destinationServiceName destinationTranslatedAddress destinationTranslatedPort "
    "destinationTranslatedZoneURI destinationZoneURI deviceAction deviceCustomDate1 deviceCustomDate2 deviceDirection "
    "deviceDnsDomain deviceExternalId deviceFacility deviceInboundInterface deviceNtDomain deviceOutboundInterface "
    "devicePayloadId deviceProcessName deviceTranslatedAddress deviceTranslatedZoneURI deviceZoneURI dhost dlat dlong dmac "
    "dntdom dpid dpriv dproc dpt dst dtz duid duser dvc dvchost dvcmac dvcpid end externalId fileCreateTime fileHash fileId "
    "fileModificationTime filePath filePermission fileType flexDate1 flexNumber1 flexNumber2 flexString1 flexString2 fname "
    "fsize in msg oldFileCreateTime oldFileHash oldFileId oldFileModificationTime oldFileName oldFilePath oldFilePermission "
    "oldFileSize oldFileType out outcome proto rawEvent reason request requestClientApplication requestContext requestCookies "
    "requestMethod rt shost slat slong smac sntdom sourceDnsDomain sourceServiceName sourceTranslatedAddress "
    "sourceTranslatedPort sourceTranslatedZoneURI sourceZoneURI spid spriv sproc spt src start suid suser type"
)
#: Keys of the CEF dictionary.
KEYS = frozenset(_DICTIONARY.split())

_ROW = "\nrow"
_KEY = r"(^|\s)([A-Za-z0-9_.\-\[\]]+)="
_NEXT, _IS = "\x01", "\x02"  # marks put before a key and before its value; removed from the text first
_LABEL = r"^((?:cs|cn|cfp|c6a|flexString|flexNumber|flexDate|deviceCustomDate)\d+)Label$"


def split(text: pl.Series, *, need: Collection[str] = (), want: Collection[str] | None = None) -> pl.DataFrame:
    r"""Return one row per row of ``text``: the columns of ``HEADER``, then one text column per extension key.

    A text that holds no CEF header gives nulls everywhere. ``cs1`` and its like are renamed by their ``Label`` wherever it
    stands; without a label, or with a label that is a key of the dictionary, they keep their name. ``need`` names columns
    that are always there; ``want`` limits the others (None: every key met). A key said twice keeps its last value.
    """
    records = _header(text)
    tokens = _labelled(_merged(_tokens(records.get_column("extension"))))
    asked = tokens if want is None else tokens.filter(pl.col("key").is_in([*need, *want]))
    return records.select(HEADER).hstack(widen(asked, text.len(), need=need))


def _header(text: pl.Series) -> pl.DataFrame:
    r"""Return the seven header fields, unescaped, and the raw extension."""
    field = r"((?:[^|\\]|\\.)*)"
    pattern = rf"(?s)\bCEF:\s?([0-9]+)\|{field}\|{field}\|{field}\|{field}\|{field}\|{field}(?:\|(.*))?$"
    groups = text.str.extract_groups(pattern).struct.unnest()
    named = groups.rename(dict(zip(groups.columns, [*HEADER, "extension"], strict=True)))
    plain = named.with_columns(pl.col(HEADER).str.strip_chars())
    if not _holds(text, "\\"):
        return plain
    return plain.with_columns(pl.col(HEADER).str.replace_all(r"\\([|\\])", "$1"))


def _holds(text: pl.Series, sign: str) -> bool:
    return bool(text.str.contains(sign, literal=True).any())


def _tokens(extension: pl.Series) -> pl.DataFrame:
    """Return (row, key, value) in the order of the text, values still escaped."""
    is_marked = _holds(extension, _NEXT) or _holds(extension, _IS)
    clean = pl.col("token").str.replace_all(f"[{_NEXT}{_IS}]", " ") if is_marked else pl.col("token")
    marked = clean.str.replace_all(_KEY, f"{_NEXT}${{2}}{_IS}").str.split(_NEXT).list.head(MAX_PAIRS + 1)
    exploded = pl.DataFrame({"token": extension}).select(marked).with_row_index(_ROW).explode("token")
    parts = exploded.filter(pl.col("token").str.contains(_IS, literal=True)).select(
        _ROW, pl.col("token").str.splitn(_IS, 2).struct.rename_fields(["key", "value"]).alias("token")
    )
    return parts.unnest("token")


def _merged(tokens: pl.DataFrame) -> pl.DataFrame:
    """Return ``tokens`` with unknown lower-case names after ``msg=`` put back into the message they were part of."""
    key, row = tokens.get_column("key"), tokens.get_column(_ROW)
    unsure = (key.str.contains("^[a-z]+$") & ~key.is_in(list(KEYS))).fill_null(value=False)
    if not unsure.any():
        return tokens
    places = pl.int_range(key.len(), dtype=pl.UInt32, eager=True)
    before = places.set(unsure, None).forward_fill().shift(1)  # the last sure key before each, in this record or another
    is_message = (key.gather(before) == "msg") & (row.gather(before) == row)
    is_text = unsure & is_message.fill_null(value=False)
    if not is_text.any():
        return tokens
    said = tokens.filter(is_text).select(text=" " + pl.col("key") + "=" + pl.col("value"))
    owned = said.with_columns(owner=before.filter(is_text)).group_by("owner", maintain_order=True)
    more, value = owned.agg(pl.col("text").str.join("")), tokens.get_column("value")
    owner = more.get_column("owner")
    whole = value.scatter(owner, value.gather(owner) + more.get_column("text"))
    return tokens.with_columns(whole).filter(~is_text)


def _labelled(tokens: pl.DataFrame) -> pl.DataFrame:
    """Return ``tokens`` unescaped, labels spent on the keys they name; a label that names nothing stays as it is."""
    values = tokens.with_columns(_unescaped(tokens.get_column("value")))
    given = values.filter(pl.col("key").str.ends_with("Label"))
    given = given.with_columns(pl.col("key").str.extract(_LABEL).alias("slot"), pl.col("value").str.head(64).alias("label"))
    named = given.filter(pl.col("slot").is_not_null() & (pl.col("label") != "") & ~pl.col("label").is_in(list(KEYS)))
    if named.is_empty():
        return values
    labels = named.select(_ROW, "slot", "label").unique([_ROW, "slot"], keep="last", maintain_order=True)
    key = values.get_column("key")
    slots = key.is_in(labels.get_column("slot").unique().implode()).arg_true()
    renamed = values[slots].join(labels, left_on=[_ROW, "key"], right_on=[_ROW, "slot"], how="left", maintain_order="left")
    keys = key.scatter(slots, renamed.select(pl.coalesce("label", "key")).to_series())
    spent = key.is_in(named.get_column("key").unique().implode()).arg_true().alias("at")
    labelling = values.select(_ROW, "key")[spent].with_columns(spent).join(named, on=[_ROW, "key"], how="semi")
    is_left = pl.Series([True]).new_from_index(0, key.len()).scatter(labelling.get_column("at"), False)  # noqa: FBT003 - polars' own
    return values.with_columns(keys).filter(is_left)


def _unescaped(value: pl.Series) -> pl.Series:
    r"""Return the value with ``\=``, ``\|``, ``\n``, ``\r`` and ``\\`` resolved; other backslashes are literal."""
    ended = value.str.strip_chars_end()
    escaped = ended.str.contains("\\", literal=True).fill_null(value=False).arg_true()
    if escaped.is_empty():
        return ended
    held = ended.gather(escaped).str.replace_all(r"\\\\", _NEXT)
    lines = held.str.replace_all(r"\\n", "\n").str.replace_all(r"\\r", "\r")
    plain = lines.str.replace_all(r"\\([=|])", "$1").str.replace_all(_NEXT, "\\", literal=True)
    return ended.scatter(escaped, plain)
