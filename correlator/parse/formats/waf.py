"""What a web application firewall of the ModSecurity family (ModSecurity 2 and 3, Coraza) writes about a request it judged.

``ModSecurity: Warning. Pattern match … [file "…"] [line "…"] [id "942100"] [msg "…"] [severity "2"] [uri "/x"] …``
"""

import polars as pl

from correlator.parse.formats.values import label_of, severity_of

__all__ = ["WAF_COLUMNS", "waf_columns"]

_NAMES = "id msg data severity uri hostname unique_id ver file phase"
_WORDS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_CODES = {word: code for code, word in enumerate(_WORDS)}

#: The columns of ``waf_columns``.
WAF_COLUMNS = (
    *("rule.id", "rule.name", "rule.ruleset", "rule.category", "event.severity", "log.level", "url.path", "event.reference"),
    *("modsecurity.data", "modsecurity.hostname", "modsecurity.severity", "modsecurity.rule_file", "modsecurity.verdict"),
)


def waf_columns(text: pl.Expr) -> dict[str, pl.Expr]:
    """Return ECS and own columns of the text of one finding; null where it says nothing of it.

    ``modsecurity.verdict`` is ``denied`` where the request was stopped, ``warning`` where it only was noticed.
    """
    said = {name: text.str.extract(rf'\[{name} "((?:[^"\\]|\\.)*)"\]') for name in _NAMES.split()}
    word = said["severity"].str.to_lowercase()
    code = pl.coalesce(word.cast(pl.Int64, strict=False), word.replace_strict(_CODES, default=None, return_dtype=pl.Int64))
    denied = text.str.contains(
        r"(?:ModSecurity|Coraza): (?:Access denied|Rule \S+ denied)|(?:ModSecurity|Coraza)[^:]*: .*denied"
    )
    return {
        "rule.id": said["id"],
        "rule.name": _filled(said["msg"]),
        "rule.ruleset": _filled(said["ver"]),
        "rule.category": text.str.extract(r'\[tag "(attack-[^"]*)"\]'),
        "event.severity": severity_of(code),
        "log.level": label_of(code),
        "url.path": _filled(said["uri"]),
        "event.reference": _filled(said["unique_id"]),
        "modsecurity.data": _filled(said["data"]),
        "modsecurity.hostname": _filled(said["hostname"]),
        "modsecurity.severity": said["severity"],
        "modsecurity.rule_file": _filled(said["file"]),
        "modsecurity.verdict": pl.when(denied).then(pl.lit("denied")).otherwise(pl.lit("warning")),
    }


def _filled(value: pl.Expr) -> pl.Expr:
    return pl.when(value != "").then(value)
