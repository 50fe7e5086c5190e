"""System fields: carriers write keywords, levels and ids in ways of their own; here they become what the evtx reader writes."""

import polars as pl

from .channels import SECURITY
from .codes import KEYWORD_TEXTS

__all__ = ["uniform"]

# NXLog's numbers and winlogbeat's words of the severity → Windows' Level.
_LEVELS = {
    "1": "5", "2": "4", "3": "3", "4": "2", "5": "1",
    "debug": "5", "info": "4", "information": "4", "warning": "3", "error": "2", "critical": "1", "verbose": "5",
}  # fmt: skip
_AUDIT_EVENT_TYPES = ["INFO", "WARNING", "ERROR", "VERBOSE", "AUDIT_SUCCESS", "AUDIT_FAILURE"]  # NXLog's own, not Sysmon's


def uniform(flat: pl.DataFrame, channel: str) -> list[pl.Expr]:
    """Return the system columns of ``flat``, events of one ``channel`` (lower case), that must be rewritten."""
    schema = flat.schema
    has_severity = "@severity" in schema  # NXLog and winlogbeat; the others already write what the evtx reader writes
    columns = [pl.col("@EventID").alias("EventID")] if isinstance(schema.get("EventID"), pl.List) else []
    if schema.get("Provider_Guid") == pl.String:  # a hostile record may hold a list there: kept as it is
        columns.append(pl.col("Provider_Guid").str.strip_chars("{}").str.to_lowercase())
    if "@Keywords" in schema and (has_severity or schema["@Keywords"] != pl.String):
        keywords = pl.lit(_keywords(flat.get_column("@Keywords")))
        columns += [keywords.alias(name) for name in ("@Keywords", "Keywords") if name in schema]
    if has_severity:
        columns += _level(channel, [name for name in ("Level", "@Level") if name in schema])
    if has_severity and "EventType" in schema:
        is_carrier = pl.col("EventType").is_in(_AUDIT_EVENT_TYPES) & pl.col("@severity").is_not_null()
        columns.append(pl.when(~is_carrier).then("EventType").alias("EventType"))
    return columns


def _level(channel: str, known: list[str]) -> list[pl.Expr]:
    """Return the level where the carrier says a severity instead; audits have level 0."""
    severity = pl.col("@severity").str.to_lowercase().replace_strict(_LEVELS, default=None, return_dtype=pl.String)
    audit = pl.when(pl.col("@severity").is_not_null()).then(pl.lit("0"))
    level = pl.coalesce(*known[-1:], audit if channel == SECURITY else severity)
    return [level.alias("Level"), level.alias("@Level")]


def _keywords(column: pl.Series) -> pl.Series:
    """Return keywords as ``0x…`` text: from hex, from NXLog's signed number, or from winlogbeat's list of words."""
    joined = column.list.join("\n", ignore_nulls=True) if isinstance(column.dtype, pl.List) else column
    known = {text: _hex(text) for text in joined.drop_nulls().unique().to_list()}
    return joined.replace_strict(known, default=None, return_dtype=pl.String)


def _hex(text: str) -> str:
    if text.removeprefix("-").isdecimal():
        return f"0x{int(text) % 2**64:x}"
    if text.lower().startswith("0x"):
        return text
    words = [word.strip().casefold().replace("’", "'") for word in text.splitlines()]
    bits = 0
    for word in words:
        bits |= KEYWORD_TEXTS.get(word, 0)
    return f"0x{bits:x}" if bits else ", ".join(text.splitlines())
