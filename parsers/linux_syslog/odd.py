"""Lines of known programs whose header is not quite one: they are given the header they lack, and read like any other.

vsftpd's own file has a date with weekday and year; UniFi gateways leave out the kernel's tag before a packet, and some of their
versions say the host twice.
"""

import polars as pl

from correlator.parse.formats.syslog import envelope
from correlator.parse.formats.tagged import PLAIN_HEAD

__all__ = ["ODD", "opened"]

_FTP = (
    r"^[A-Z][a-z]{2} (?P<day>[A-Z][a-z]{2} {1,2}[0-9]{1,2}) (?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2}) (?P<year>[0-9]{4}) "
    r"(?P<said>\[pid [0-9]+\] .*)$"
)
_BANS = r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}) (?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2})[,.](?P<part>[0-9]{3}) +"
_BANS_TAG = r"(?P<tag>fail2ban\.[a-z]+) *(?P<pid>\[[0-9]+\]): (?P<said>.*)$"
_PACKET = r'(?:\[[A-Za-z0-9_. -]{1,80}\] *)?(?:DESCR="[^"]{0,200}" )?IN=[^ ]* OUT=[^ ]* (?:MAC=|SRC=|PHYS)'
# Twice the same cannot be said in a regex; a word in small letters alone is no host (F5 writes a severity there).
_AGAIN = r"[A-Za-z0-9_.-]*[A-Z0-9-][A-Za-z0-9_.-]* +"

#: What the signature finds of these: a packet's line, and a second host before a program's name.
ODD = (
    r"^[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4} \[pid [0-9]+\] (?:\[|CONNECT: )",
    rf"{PLAIN_HEAD}(?:{_AGAIN})?{_PACKET}",
    rf"{PLAIN_HEAD}{_AGAIN}",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[,.][0-9]{3} +fail2ban\.[a-z]+ *\[[0-9]+\]: ",
)


def opened(raw: pl.DataFrame) -> pl.DataFrame:
    """Return what ``envelope`` does, odd lines with the program and the time they mean."""
    lines = envelope(raw)
    untold = lines.get_column("syslog.app").is_null()
    if not untold.any():
        return lines
    mended = lines.filter(untold).select(*raw.columns, meant=_meant()).filter(pl.col("meant").is_not_null())
    if mended.is_empty():
        return lines
    read = envelope(mended.with_columns(text="meant").drop("meant")).select(lines.columns)
    return pl.concat([lines.join(read, on="raw_row", how="anti"), read]).sort("raw_row")


def _meant() -> pl.Expr:
    """Return the line as it should be; null where nothing is odd about it."""
    said, host = pl.col("syslog.body"), pl.col("syslog.host")
    once = said.str.strip_prefix(pl.concat_str(host, pl.lit(" ")))
    before = pl.concat_str(pl.format("<{}>", "syslog.priority").fill_null(""), "syslog.stamp", pl.lit(" "), host)
    ftp = pl.col("text").str.extract_groups(_FTP).struct
    packet = pl.when(once.str.contains(f"^{_PACKET}")).then(pl.concat_str(before, pl.lit(" kernel: "), once))
    twice = pl.when(once != said).then(pl.concat_str(before, pl.lit(" "), once))
    file = pl.format("{} {} {} vsftpd: {}", ftp.field("day"), ftp.field("year"), ftp.field("clock"), ftp.field("said"))
    ban = pl.col("text").str.extract_groups(_BANS + _BANS_TAG).struct
    bans = pl.format("{}T{}.{} {}{}: {}", *(ban.field(name) for name in ("day", "clock", "part", "tag", "pid", "said")))
    return pl.coalesce(file, packet, twice, bans)
