"""Linux over syslog: sshd, sudo, su, PAM, cron, accounts, systemd, the kernel and its firewall, and what distributions ship.

Sigma's rules for Linux mostly search the whole message, so ``message`` is the unsplit body; an sshd line feeds the rules for
sshd, auth and syslog. A line is Linux's by its program (``programs.py``) or because PAM speaks in it; any other line with a
header is for ``syslog``. A source declared ``parser = "linux_syslog"`` is read here whatever its programs are: one that is
unknown gives dataset ``linux.syslog``, a device's message without a program, in a format of its own, ``syslog.message``, which
feeds no rule for Linux. A line without a header is refused.

Speed: less than 200,000 lines per CPU-second: a syslog header is read first, then sentences are tried in turn.
"""

from dataclasses import dataclass
from functools import cache

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.phrases import Phrase, columns_of, read_phrases
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.formats.values import address, by_dataset, fields_of, integer, label_of, own, severity_of
from parsers.linux_syslog.accounts import ACCOUNTS, LOGIN, PAM, SUDO
from parsers.linux_syslog.firewall import FIREWALL, MADE, meant
from parsers.linux_syslog.ftp import FTPD, VSFTPD
from parsers.linux_syslog.odd import opened
from parsers.linux_syslog.programs import PATTERN, QUOTING, SURE
from parsers.linux_syslog.services import ANTIVIRUS, CRON, FAIL2BAN, KERNEL, OTHERS, SYSTEMD
from parsers.linux_syslog.ssh import SSH

__all__ = ["PARSER"]


@dataclass(frozen=True, slots=True)
class _Family:
    """Programs that write the same phrases and feed the same rules; the first service names the dataset."""

    services: tuple[str, ...]
    programs: tuple[str, ...]
    phrases: tuple[Phrase, ...] = ()

    @property
    def dataset(self) -> str:
        return f"linux.{self.services[0]}"

    @property
    def sources(self) -> tuple[LogSource, ...]:
        return tuple(
            LogSource("linux", "", service)
            for service in self.services
            if service not in {"accounts", "systemd", "kernel", "ftp", "fail2ban"}
        )


_ACCOUNT_PROGRAMS = (
    "useradd usermod userdel groupadd groupmod groupdel gpasswd passwd chpasswd chage chsh chfn adduser newusers"
)
_FAIL2BAN = "fail2ban fail2ban-server fail2ban.actions fail2ban.filter fail2ban.jail fail2ban.server fail2ban.observer"
_FAMILIES = (
    _Family(("sshd", "auth", "syslog"), ("sshd", "sshd-session", "sshd-auth"), (*SSH, *PAM)),
    _Family(("sudo", "auth", "syslog"), ("sudo", "sudoedit"), (*SUDO, *PAM)),
    _Family(("cron", "auth", "syslog"), ("cron", "crond", "crontab", "anacron", "atd"), (*CRON, *PAM)),
    _Family(("accounts", "auth", "syslog"), tuple(_ACCOUNT_PROGRAMS.split()), (*ACCOUNTS, *PAM)),
    _Family(("auth", "syslog"), ("su", "login", "systemd-logind", "polkitd", "pkexec", "runuser"), (*LOGIN, *PAM)),
    _Family(("systemd", "syslog"), ("systemd",), SYSTEMD),
    _Family(("kernel", "syslog"), ("kernel", "ulogd"), KERNEL),
    _Family(("clamav", "syslog"), ("clamd", "clamav", "clamscan", "clamonacc", "freshclam"), ANTIVIRUS),
    _Family(("vsftpd", "syslog"), ("vsftpd",), VSFTPD),
    _Family(("ftp", "syslog"), ("pure-ftpd", "proftpd"), (*FTPD, *PAM)),
    _Family(("fail2ban", "syslog"), tuple(_FAIL2BAN.split()), FAIL2BAN),
    _Family(("guacamole", "syslog"), ("guacd", "guacamole")),
)
_OTHER = _Family(("syslog",), (), OTHERS)
_PAM_OF_OTHERS = _Family(("auth", "syslog"), (), PAM)
_DEVICE = "syslog.message"

_DEVICE_SAYS = r"^(?:%|\{|\[|<|CEF:|LEEF:|[\w.-]+=|[0-9]+[,|])"  # without a program: a format of some product's own

_REPEATED = r"^message repeated (?P<count>[0-9]+) times: \[ ?(?P<text>.*?)\]?$"
_PROGRAM = r"^(?:.*/)?\(?([^()/]+)"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line that has a header, one frame per dataset."""
    lines = opened(raw)
    is_headed = pl.any_horizontal(pl.col("syslog.priority", "syslog.stamp", "syslog.host", "syslog.app").is_not_null())
    headed = lines.filter(is_headed).with_columns(_said()).with_columns(_family=_family())
    frames = [_events(rows, _family_of(str(name)), want) for (name,), rows in headed.group_by("_family", maintain_order=True)]
    events = tuple(frame for wide in frames for frame in by_dataset(wide))
    return Parsed(events, rejects_of(lines.filter(~is_headed), Reason.MALFORMED), raw.clear().get_column("raw_row"))


@cache
def _said() -> list[pl.Expr]:
    """Return the message that phrases read, its program, and how often it was said."""
    repeated = pl.col("syslog.body").str.extract_groups(_REPEATED).struct
    tag = pl.col("syslog.app").str.extract_groups(r"^(?P<program>\w+)\((?P<module>pam_\w+)\)$").struct
    module = pl.format("{}({}:): ", tag.field("module"), tag.field("program")).fill_null("")  # the old place of the module
    return [
        pl.concat_str(module, pl.coalesce(repeated.field("text"), "syslog.body")).alias("text"),
        repeated.field("count").alias("count"),
        pl.col("syslog.app").str.extract(_PROGRAM).alias("program"),
    ]


def _family() -> pl.Expr:
    """Return the number of the line's family: by program, else PAM by its words, else whatever writes syslog."""
    numbers = {program: str(number) for number, family in enumerate(_FAMILIES) for program in family.programs}
    known = pl.col("program").str.to_lowercase().replace_strict(numbers, default=None, return_dtype=pl.String)
    is_pam = pl.col("text").str.starts_with("pam_")
    is_device = pl.col("program").is_null() & (pl.col("text").str.contains(_DEVICE_SAYS) | (pl.col("text") == ""))
    other = pl.when(is_pam).then(pl.lit("pam")).when(is_device).then(pl.lit(_DEVICE)).otherwise(pl.lit("other"))
    return pl.when(is_pam & (known == _SYSTEMD)).then(pl.lit("pam")).otherwise(pl.coalesce(known, other))


_SYSTEMD = str(next(number for number, family in enumerate(_FAMILIES) if "systemd" in family.programs))


def _family_of(name: str) -> _Family:
    return _FAMILIES[int(name)] if name.isdecimal() else _PAM_OF_OTHERS if name == "pam" else _OTHER


def _events(lines: pl.DataFrame, family: _Family, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the events of one family's lines: the header's columns, then what the phrases say."""
    phrases = read_phrases(lines, family.phrases)
    found = lines.join(phrases, on="raw_row", how="left", maintain_order="left")
    told = [pl.col(name).is_null() for name in phrases.columns if name != "raw_row"]
    is_unknown = pl.all_horizontal(told) if told else pl.lit(value=True)
    is_device = pl.col("_family") == _DEVICE
    columns: dict[str, pl.Expr] = {
        "@timestamp": pl.coalesce("syslog.timestamp", pl.when(pl.col("syslog.stamp").is_null()).then("received")),
        "event.dataset": pl.when(is_device).then(pl.lit(_DEVICE)).otherwise(pl.lit(family.dataset)),
        "logsource": pl.when(is_device).then(pl.lit("//syslog")).otherwise(pl.lit(logsource_column(*family.sources))),
        "tags": pl.when(is_unknown & ~is_device).then(pl.lit([UNKNOWN])),
        **_header(),
    }
    said = [name for name in found.columns if name not in lines.columns]
    headed = found.select("raw_row", *(_over(name, column, said) for name, column in columns.items()), *_rest(said, columns))
    shown = headed.with_columns(
        **{name: column for name, column in _meant(headed).items() if name in ECS or want is None or name in want}
    )
    return shown.select("raw_row", *(n for n in shown.columns if n in ECS or n in columns), *_own(shown, columns, want))


def _over(name: str, column: pl.Expr, said: list[str]) -> pl.Expr:
    return (pl.coalesce(pl.col(name), column) if name in said else column).alias(name)


def _rest(said: list[str], columns: dict[str, pl.Expr]) -> list[pl.Expr]:
    return [pl.col(name) for name in said if name not in columns]


def _own(shown: pl.DataFrame, columns: dict[str, pl.Expr], want: frozenset[str] | None) -> list[pl.Expr]:
    names = [name for name in shown.columns if name not in columns]
    return own(shown.select(names), want, besides=["raw_row"])


@cache
def _header() -> dict[str, pl.Expr]:
    severity = pl.col("syslog.priority") % 8
    return {
        "event.kind": pl.lit("event"),
        "event.severity": severity_of(severity),
        "event.count": pl.col("count"),
        "host.name": pl.col("syslog.host"),
        "process.name": pl.col("program"),
        "process.pid": integer(pl.col("syslog.pid")),
        "log.syslog.appname": pl.col("syslog.app"),
        "log.level": label_of(severity),
        "syslog.priority": pl.col("syslog.priority"),
        "syslog.facility.code": pl.col("syslog.priority") // 8,
        "syslog.severity.code": severity,
        "message": pl.col("syslog.body"),
    }


def _meant(found: pl.DataFrame) -> dict[str, pl.Expr]:
    """Return the columns that follow from what phrases found."""
    says = set(found.columns)
    columns: dict[str, pl.Expr] = {}
    if "source.address" in says:
        columns["source.ip"] = address(pl.col("source.address"))
        name = pl.when(columns["source.ip"].is_null()).then(pl.col("source.address"))
        columns["source.domain"] = pl.coalesce("source.domain", name) if "source.domain" in says else name
    columns |= {
        name: integer(pl.col(name), above=0) for name in ("source.port", "destination.port", "network.bytes") if name in says
    }
    if "COMMAND" in says:
        columns |= {
            "process.command_line": pl.col("COMMAND"),
            "process.working_directory": pl.col("PWD") if "PWD" in says else pl.lit(None, pl.String),
            "user.effective.name": pl.col("USER") if "USER" in says else pl.lit(None, pl.String),
            "event.outcome": pl.when(pl.col("COMMAND").is_not_null() & _is_refusal())
            .then(pl.lit("failure"))
            .otherwise(_success(says)),
        }
    return columns | (meant(says) if "MAC" in says else {})


def _is_refusal() -> pl.Expr:
    return pl.col("event.reason").str.contains("(?i)not |incorrect|required|unable|FAILED").fill_null(value=False)


def _success(says: set[str]) -> pl.Expr:
    given = pl.col("event.outcome") if "event.outcome" in says else pl.lit(None, pl.String)
    return pl.coalesce(given, pl.when(pl.col("COMMAND").is_not_null()).then(pl.lit("success")))


_PHRASES = (*(phrase for family in (*_FAMILIES, _OTHER) for phrase in family.phrases), *PAM)
_GIVEN = (
    "source.ip",
    "source.domain",
    "process.command_line",
    "process.working_directory",
    "user.effective.name",
    "event.outcome",
    "tags",
)
_PARSED_HERE = {"@timestamp", "event.dataset", "logsource"}

PARSER = Parser(
    name="linux_syslog",
    log_sources=(
        *dict.fromkeys(source for family in (*_FAMILIES, _OTHER) for source in family.sources),
        FIREWALL,
        LogSource("", "antivirus", ""),
        LogSource("", "", "syslog"),
    ),
    signature=Signature(pattern=PATTERN, rank=60, sure=SURE, tags=QUOTING),
    maturity=Maturity.PROVED,
    fields=fields_of(_header(), _GIVEN, MADE, sorted(columns_of(_PHRASES) - _PARSED_HERE)),
    parse=_parse,
)
