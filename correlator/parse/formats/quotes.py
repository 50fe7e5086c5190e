"""Text as ``name="value" name="value"`` from senders that escape nothing inside their quotes."""

import polars as pl

__all__ = ["requoted"]

_OPEN, _CLOSE = "\x01", "\x02"  # marks of the quotes that stand around a value; removed from the text first


def requoted(pairs: pl.Series, name: str = "[A-Za-z_][A-Za-z0-9_]*") -> pl.Series:
    """Return the same pairs with every quote and backslash inside a value escaped: what ``keyvalue.pairs`` reads.

    A value ends at the quote before a blank and a next ``name="`` (a regex), or at the last quote. A value that holds
    such a thing itself cannot be told from two values. The beginning of a name that a cut left at the end is dropped.
    """
    whole = pairs.str.replace(r'"\s+[A-Za-z0-9_]*=?$', '"')
    bare = whole.str.replace_all(f"[{_OPEN}{_CLOSE}]", " ").str.replace_all("\\", r"\\", literal=True)
    inner = bare.str.replace_all(rf'"(\s+(?:{name})=)"', f"{_CLOSE}${{1}}{_OPEN}")
    marked = inner.str.replace(rf'^(\s*(?:{name})=)"', f"${{1}}{_OPEN}").str.replace(r'"\s*$', _CLOSE)
    return marked.str.replace_all('"', '\\"', literal=True).str.replace_all(f"[{_OPEN}{_CLOSE}]", '"')
