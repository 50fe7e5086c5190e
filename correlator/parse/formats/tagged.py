r"""Signatures of daemons: the name of the program as the tag of a syslog header, and nowhere else.

What stands before the tag is a header and nothing but a header: a priority, stamps, hosts. So a line of another program
cannot be passed off as this one's by text in it (a user name ``named[1]: …`` stands behind ``sshd[2211]:``).
"""

__all__ = ["HEAD", "tagged"]

_STAMP = (
    r"(?:[A-Za-z\x{80}-\x{10ffff}]{3,9}\.? {1,2}[0-9]{1,2} (?:[0-9]{4} )?[0-9]{1,2}:[0-9]{2}:[0-9]{2}[0-9.,]*"
    r"(?: [0-9]{4})?(?: [A-Z]{1,4}T| UTC)?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?Z?)"
)
_HOST = r'[^\s:\["|=<>]+(?::+[^\s:\["|=<>]+)*'

#: What may stand before a tag: an octet count, a priority, a stamp and hosts, twice where a relay put a header before it.
HEAD = (
    r"^\s*\x{feff}?(?:[0-9]{1,6} )?(?:<[0-9]{1,3}>)?(?:1 )? ?(?:(?:<[0-9]{1,3}>)?(?:1 )?" + _STAMP + r":?\s+"
    r"(?:" + _HOST + r"\s+){0,2}?){0,2}"
)


def tagged(*programs: str, bare: str = "") -> str:
    """Return the regex of a line whose tag is one of ``programs`` (regexes), in RFC 3164 and RFC 5424.

    ``bare``: what may follow the program's name where it writes a tag without a colon.
    """
    names, other = "|".join(programs), f"|{bare}" if bare else ""
    return (
        HEAD
        + rf"(?:/\S*/)?(?:{names})(?:(?:\[[^\]\s]{{1,24}}\])?(?: <[a-z]+>)?:(?:[ \t]|$)|\s+[0-9-]+\s+\S+\s+(?:-|\[){other})"
    )
