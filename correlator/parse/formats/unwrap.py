"""Lines that may come bare from a file or inside a syslog envelope: the line itself, who sent it and when.

Reading an envelope costs more than reading most lines, so it is only done where a line begins like one.
"""

import polars as pl

from correlator.model.raw import UTC_TIME
from correlator.parse.formats import syslog

__all__ = ["JSON", "OPENING", "PREFIX", "bodies", "header", "tagged", "unwrap", "unwrap_json"]

#: Start of a signature: what may stand before a product's own line is nothing or a syslog header, never a quote or a bracket.
#: So text that a stranger put into a URL, a user agent or a name cannot pass a web server's line off as a firewall's.
#: ASCII classes, and a letter is whatever is no ASCII sign: polars keeps 32 regexes compiled, and a class of Unicode letters
#: takes longer to compile than a batch takes to be searched.
PREFIX = (
    r"^\s*(?:(?:\x{feff}?(?:[0-9]{1,6} )?<[0-9]{1,3}>|[A-Za-z\x{80}-\x{10ffff}]{3,9}\.? {1,2}[0-9]{1,2} "
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T)"
    r"(?:[^\"|'=({<,%]*?<[0-9]{1,3}>)?[^\"|'=({<,%]*?(?:\[[^\]]*\]\s*)?)?\x{feff}?(?-u:\b)"
)

_STAMP = (
    r"(?:[A-Za-z\x{80}-\x{10ffff}]{3,9}\.? {1,2}[0-9]{1,2}(?: [0-9]{4})? [0-9]{1,2}:[0-9:.,]+"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,+Z-]+)"
)
_WORD = r'[^\s"]+'  # without a bound: polars compiles a counted class sign by sign, and all signatures for every batch

#: Structured data of RFC 5424, also with a bracket in a value that nobody escaped.
_DATA = r"""(?:-|(?:\[[^\s=\]"]+(?: +[^\s=\]"]+=(?:"(?:[^"\\]|\\.)*"|[^\s\]"]*))* *\])+)"""

_BEGINS = (
    r"^\x{feff}?(?:[0-9]{1,6} )?<[0-9]{1,3}>|^[A-Za-z\x{80}-\x{10ffff}]{3,9}\.? {1,2}[0-9]{1,2} "
    r"|^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,+Z-]+ \S+ [\w./-]+(?:\[[0-9]+\])?: "
)


def header(app: str = "") -> str:
    """Return the start of a signature for the messages of one program: what follows is the message's first text.

    ``app`` is a regex of the program's name in the syslog header; none: any program, and lines without header. Stricter
    than ``PREFIX``: no text that a stranger put into another program's sentence comes right behind a header.
    """
    name = app or r'[^\s"]+?'
    tag = rf"(?:{name})(?:\[[^\]\s]{{0,24}}\])?"
    relay = rf"(?:(?:<[0-9]{{1,3}}>)?{_STAMP} {_WORD} (?:{_WORD} )?)?"
    classic = rf"{relay}(?:<[0-9]{{1,3}}>)?{_STAMP} (?:{_WORD} )?{tag}:? +"
    modern = rf"<[0-9]{{1,3}}>1 {_STAMP} {_WORD} (?:{name}) {_WORD} {_WORD} {_DATA} "
    bare = rf"<[0-9]{{1,3}}>{tag}: ?"
    none = "" if app else "|"
    return rf"^\s*\x{{feff}}?(?:[0-9]{{1,6}} )?(?:{classic}|{modern}|{bare}{none})\x{{feff}}?"


#: What may stand before a line that a product begins with a mark of its own: nothing, or a header, and nothing but a header.
#: A name or a URL in another program's sentence that holds a whole such line does not stand there.
#: Looser than ``header``: blanks behind a priority, ``1`` before a header of the old form, a relay's header without a tag.
OPENING = (
    rf"^\s*\x{{feff}}?(?:[0-9]{{1,6}} )?"
    rf"(?:(?:(?:<[0-9]{{1,3}}>)?{_STAMP} {_WORD} )?<[0-9]{{1,3}}>1"
    rf" {_STAMP} {_WORD} {_WORD} {_WORD} {_WORD} {_DATA} "
    rf"|(?:(?:<[0-9]{{1,3}}> ?)?(?:1 )?{_STAMP}:? +(?:{_WORD} +){{0,2}}?(?:-:? +)?){{1,2}}(?:<[0-9]{{1,3}}>)?"
    r"|<[0-9]{1,3}>(?:[A-Za-z][0-9A-Za-z_.-]*(?:\[[^\]\s]*\])?:)?|)\s*\x{feff}?"
)

_UNREAD = rf"(?:{_STAMP}|[0-9A-Za-z_:.+-]{{1,40}}Z)"  # where a time stands, whether it can be read or not
_HOST = r"\[?[A-Za-z0-9_](?:[A-Za-z0-9_.:%/@-]*[A-Za-z0-9_])?\]?"


def tagged(tag: str, *, bare: bool = True) -> str:
    """Return the signature of records whose syslog tag is the regex ``tag``: the tag itself, not a word of a message.

    Before it stand a priority, up to two headers (a relay's and the sender's), a level; with ``bare`` there may be nothing.
    """
    headers = rf"(?:(?:<[0-9]{{1,3}}> ?(?:1 )?)?{_UNREAD}:? (?:{_HOST} )?){{{0 if bare else 1},2}}(?:[a-z]{{3,7}} )?"
    return (
        rf"^\s*\x{{feff}}?(?:[0-9]{{1,6}} )?(?:<[0-9]{{1,3}}> ?)?(?:1 )?{headers}(?:{tag})"
        r"(?:\[[^\] ]{1,24}\](?: <[0-9A-Za-z]+>)?:?(?: |$)|: |:$| [0-9-]+ [!-~]+ (?:-|\[))"
    )


def unwrap(raw: pl.DataFrame) -> pl.DataFrame:
    """Return one row per row of ``raw``, in its order: ``raw_row``, ``body``, ``sender`` and ``sent`` (UTC).

    ``sender`` and ``sent`` are what the syslog header says; null for a bare line, whose body is its whole text.
    """
    wrapped = raw.get_column("text").str.contains(_BEGINS)
    nothing = {"sender": pl.lit(None, dtype=pl.String), "sent": pl.lit(None, dtype=UTC_TIME)}
    bare = raw.filter(~wrapped).select("raw_row", body="text", **nothing)
    if not wrapped.any():
        return bare
    opened = syslog.envelope(raw.filter(wrapped))
    read = opened.select("raw_row", body="syslog.body", sender="syslog.host", sent="syslog.timestamp")
    return pl.concat([bare, read]).sort("raw_row")


def bodies(text: pl.Series, start: str) -> pl.Series:
    """Return each text from the first match of the regex ``start`` on, where structured data stands before it.

    Structured data of RFC 5424 holds pairs too, which are not the record's; other headers hold none and stay.
    """
    if not text.str.contains(r'^[^"=]{0,300}\[[^\]"=]{1,128}="').any():
        return text
    return text.str.extract(rf"(?s)({start}.*)")


#: Start of a JSON record in a signature, bare or the message of syslog; the regex after it begins inside the braces.
JSON = header() + r"(?:@cee: ?)?\{\s*"


def unwrap_json(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` with the JSON of each record as its ``text``, and ``sender`` and ``sent`` as ``unwrap`` gives them.

    What stands before the first brace of a syslog message (a tag that is none, ``@cee:``) is left out.
    """
    is_bare = raw.get_column("text").str.contains(r"^\x{feff}?\s*[\[{]")
    if is_bare.all():
        return raw.with_columns(sender=pl.lit(None, pl.String), sent=pl.lit(None, UTC_TIME))
    told = unwrap(raw).select("sender", "sent", text=pl.col("body").str.replace(r"^\s*[^\[{\s][^{]*", ""))
    return raw.with_columns(told.get_columns())
