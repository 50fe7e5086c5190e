"""What firewalls and their kin say of flows: ECS columns out of texts by their names, and the names of Sigma's rules."""

from collections.abc import Callable, Mapping

import polars as pl

from correlator.model.event import ECS
from correlator.parse.formats.urls import parts_of
from correlator.parse.formats.values import account, address, blocked_of, integer, mac, texts, words

__all__ = [
    "AGAIN",
    "PROXY_AGAIN",
    "first_of",
    "flow_types",
    "gathered",
    "named",
    "proxy_names",
    "rule_names",
    "typed",
    "url_columns",
]

#: Own names of ``category: firewall`` that repeat a column.
AGAIN: Mapping[str, str] = {"src_ip": "source.ip", "dst_ip": "destination.ip"}
#: Own names of ``category: proxy`` that repeat a column.
PROXY_AGAIN: Mapping[str, str] = {
    **dict.fromkeys(("cs-host", "r-dns"), "url.domain"),
    **dict.fromkeys(("c-uri-stem", "cs-uri-stem"), "url.path"),
    "c-uri-query": "url.query",
    "cs-method": "http.request.method",
    "cs-referrer": "http.request.referrer",
    "c-useragent": "user_agent.original",
}


def typed(name: str, text: pl.Expr) -> pl.Expr:
    """Return ``text`` as the ECS column ``name`` holds it: address, MAC, number, or the text; ways to say nothing are null."""
    dtype = ECS.get(name, pl.String())
    if dtype == pl.Int64():
        return integer(text, above=0 if name.endswith(".port") else -1)
    if name.endswith((".ip", ".mac")) and dtype == pl.String():
        return address(text) if name.endswith(".ip") else mac(text)
    if dtype == pl.List(pl.String()):
        return words(text.str.replace_all(r"\s*[;,]\s*", ";")).str.split(";")
    return account(text) if name == "user.name" else words(text)


def first_of(names: str, made: Callable[[pl.Expr], pl.Expr] = words) -> pl.Expr:
    """Return what is made of the first field of ``names`` (separated by blanks) that says something."""
    found = [made(pl.col(name)) for name in names.split()]
    return pl.coalesce(found) if len(found) > 1 else found[0]


def named(table: Mapping[str, str]) -> dict[str, pl.Expr]:
    """Return the columns of ``table``: ECS name → the fields that may hold it, separated by blanks, the first one wins."""
    return {name: first_of(fields, lambda text, name=name: typed(name, text)) for name, fields in table.items()}  # type: ignore[misc]


def gathered(fields: pl.DataFrame, table: Mapping[str, str]) -> pl.DataFrame:
    """Return one text column per name of ``table``: the first of its fields (separated by blanks) that is not empty.

    A name none of whose fields says anything gives no column: what reads it costs nothing then.
    """
    found = []
    for name, sources in table.items():
        there = [column for source in sources.split() if (column := _there(fields, source)) is not None]
        if len(there) == 1:
            found.append(there[0].alias(name))
        elif there:
            texts = [pl.when(column != "").then(column) for column in there]
            found.append(pl.select(pl.coalesce(texts).alias(name)).to_series())
    return pl.DataFrame(found)


def _there(fields: pl.DataFrame, name: str) -> pl.Series | None:
    column = fields.get_column(name) if name in fields.columns else None
    return None if column is None or column.max() in (None, "") else column


def flow_types(verdict: pl.Expr, *others: pl.Expr) -> pl.Expr:
    """Return ``event.type`` of a flow: ``connection``, the ``others`` (texts or null), ``allowed`` or ``denied``."""
    known = verdict.replace_strict({"accept": "allowed", "denied": "denied"}, default=None, return_dtype=pl.String)
    return texts(pl.lit("connection"), *others, known)


def rule_names(verdict: pl.Expr, ports: tuple[str, str], user: str = "") -> dict[str, pl.Expr]:
    """Return the own names of ``category: firewall``; ``ports`` and ``user`` are fields.

    ``verdict``: ``accept``, ``denied``, or null where nothing was decided.
    """
    blocked = blocked_of(verdict)
    port = {name: integer(pl.col(field), above=0).cast(pl.String) for name, field in zip(("src_port", "dst_port"), ports)}  # noqa: B905 - two and two
    return {"action": verdict, "blocked": blocked, **port, **({"username": words(pl.col(user))} if user else {})}


def url_columns(whole: str, parts: str) -> dict[str, pl.Expr]:
    """Return the ECS columns of a URL: the field ``whole``, and ``parts``, what ``urls.opened`` made of it."""
    url = parts_of(pl.col(parts))
    return {
        "url.original": words(pl.col(whole)),
        "url.domain": url["host"],
        "url.path": url["path"],
        "url.query": url["query"],
        "url.scheme": url["scheme"],
        "url.port": url["port"],
        "url.extension": url["extension"],
    }


def proxy_names(whole: str, parts: str) -> dict[str, pl.Expr]:
    """Return the own names of ``category: proxy`` that no column holds."""
    url = parts_of(pl.col(parts))
    return {"c-uri": words(pl.col(whole)), "cs-uri": url["target"], "c-uri-extension": url["extension"]}
