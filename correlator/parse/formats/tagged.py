r"""Signatures of daemons: the name of the program as the tag of a syslog header, and nowhere else.

What stands before the tag is a header and nothing but a header: a priority, stamps, hosts. So a line of another program
cannot be passed off as this one's by text in it (a user name ``named[1]: …`` stands behind ``sshd[2211]:``).
"""

__all__ = ["HEAD", "PLAIN_HEAD", "PLAIN_TAG", "SENTENCE", "TAG", "tagged"]

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


_PRIORITY = r"<[0-9]{1,3}>(?:1 )? ?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_BSD = r"[A-Za-z\x{80}-\x{10ffff}]{3,9}\.? {1,2}[0-9]{1,2} (?:[0-9]{4} )?" + _CLOCK + r"(?: [0-9]{4})?(?: (?:[A-Z]{1,4}T|UTC))?"
_TIME = rf"(?:{_BSD}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?: ?(?:Z|[+-][0-9:]{{5,6}}))?)"
_ONE_HOST = r"[A-Za-z0-9_][A-Za-z0-9_.:%/@-]*"
_OPENING = r"^\x{feff}?(?:[0-9]{1,6} )?"
#: One header as rsyslog and syslogd write it, or a relay's before the sender's own; it may lack its time or its host.
PLAIN_HEAD = (
    rf"{_OPENING}(?:{_PRIORITY})?(?:{_TIME} +{_ONE_HOST} +(?:{_PRIORITY})?)?"
    rf"(?:(?:{_PRIORITY})?{_TIME}:? +(?:{_ONE_HOST}:? +)?|{_OPENING}{_PRIORITY}(?:{_ONE_HOST} +)?)"
)
#: What follows a tag: no sentence of a daemon begins with a date (appliances put their own audit behind a daemon's name).
SENTENCE = r"(?:[ \t]*$|[ \t]+(?:[^0-9 \t]|[0-9]{1,3}(?:[^0-9]|$)|[0-9]{4}(?:[^-]|$)|[0-9]{5}))"
#: The program that a header names (group 1), where it names one without doubt.
TAG = (
    PLAIN_HEAD + r"(?:/[!-~]{1,100}/)?([A-Za-z_][A-Za-z0-9_.+-]{0,63})(?:/[!-~]{1,64}?)?(?:\([a-z_]{1,32}\))?"
    rf"(?:(?:\[[^\] ]{{1,24}}\])?:{SENTENCE}| (?:[0-9]+|-) [!-~]+ (?:-|\[))"
)
#: The same of the plainest headers: nothing in it can be read in two ways, so it takes a fifth of the time.
PLAIN_TAG = (
    r"^(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)) [A-Za-z0-9_][A-Za-z0-9_.-]* "
    r"([A-Za-z_][A-Za-z0-9_.-]{0,63})(?:\[[0-9]{1,10}\])?: +[^0-9 ]"
)
