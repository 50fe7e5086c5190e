"""Names and types as name servers write them → as events hold them, one spelling for all of them."""

import polars as pl

from correlator.parse.formats.values import by_distinct

__all__ = ["AGAIN", "answers", "question_name", "record_type"]

#: Sigma's names of ``category: dns`` (``answer`` is made where there is one).
AGAIN = {"query": "dns.question.name", "record_type": "dns.question.type"}

_TYPES = {
    "1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "10": "NULL", "12": "PTR", "13": "HINFO", "15": "MX", "16": "TXT",
    "28": "AAAA", "33": "SRV", "35": "NAPTR", "39": "DNAME", "41": "OPT", "43": "DS", "46": "RRSIG", "47": "NSEC",
    "48": "DNSKEY", "50": "NSEC3", "52": "TLSA", "64": "SVCB", "65": "HTTPS", "99": "SPF", "249": "TKEY", "250": "TSIG",
    "251": "IXFR", "252": "AXFR", "255": "ANY", "257": "CAA", "*": "ANY", "ALL": "ANY",
}  # fmt: skip


def question_name(text: pl.Expr) -> pl.Expr:
    """Return the name asked for in lower case without the final dot; the root is ``.``."""
    lower = text.str.to_lowercase()
    return pl.when(lower == ".").then(lower).otherwise(lower.str.strip_suffix("."))


def record_type(text: pl.Expr) -> pl.Expr:
    """Return the type's name: ``65`` and ``TYPE65`` are ``HTTPS``; an unknown one stays as it is written."""

    def named(word: pl.Expr) -> pl.Expr:
        upper = word.str.to_uppercase()
        return upper.str.strip_prefix("TYPE").replace_strict(_TYPES, default=upper, return_dtype=pl.String)

    return by_distinct(text, named, pl.String())


def answers(text: pl.Expr) -> pl.Expr:
    """Return the data of the answers of one line, separated by blanks, as a list; null where there are none."""
    return pl.when(text.str.contains(r"\S")).then(text.str.strip_chars().str.split(" "))
