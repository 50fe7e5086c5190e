r"""Centreon and Nagios (Icinga 1, Naemon, Shinken too): states of hosts and services, commands of operators, Centreon's logins.

To send: an agent that follows ``/var/log/centreon-engine/centengine.log`` (Nagios: ``/var/log/nagios/nagios.log``, or
``use_syslog=1``), ``/var/log/centreon/login.log``, ``ldap.log`` and ``sql-error.log``. Engine: ``log_notifications=1``,
``log_external_commands=1``; ``log_passive_checks=0`` spares ten thousand lines an hour.

Reference: Nagios Core documentation "Log File Contents", "External Commands"; Centreon documentation "Logs".

``service.state.type`` is SOFT or HARD; only HARD states tell of an outage. An operator who mutes notifications or checks, or
announces downtime, is an event of category ``configuration``; where the command names its author that is ``user.name``. The
output of a plug-in may hold ``;``: it is everything behind the fields before it.

Not read: Centreon's ``log_action`` table (who changed the configuration: export it as JSON), broker and gorgone logs.

Speed: about 170,000 lines per CPU-second, not 200,000: behind the stamp a line is one of three kinds, each taken apart by its
own.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import columns_of, said_in
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import address, words
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.centreon.sentences import PHRASES

__all__ = ["PARSER"]

_ENGINE, _LOGIN = LogSource("centreon", "", "engine"), LogSource("centreon", "", "login")
_SEVERITIES = {
    "OK": 10, "UP": 10, "RECOVERY": 10, "WARNING": 50, "UNKNOWN": 25, "CRITICAL": 75, "DOWN": 75, "UNREACHABLE": 50,
}  # fmt: skip
_STATES = {"0": "OK", "1": "WARNING", "2": "CRITICAL", "3": "UNKNOWN"}
_KINDS = (
    "(?:SERVICE|HOST) (?:ALERT|NOTIFICATION|FLAPPING ALERT|DOWNTIME ALERT|EVENT HANDLER|ACKNOWLEDGEMENT|CONTACT NOTIFICATION)"
    "|(?:CURRENT|INITIAL) (?:SERVICE|HOST) STATE|EXTERNAL COMMAND|PASSIVE (?:SERVICE|HOST) CHECK|GLOBAL "
    "(?:SERVICE|HOST) EVENT HANDLER"
)
_OTHERS = (
    "LOG ROTATION|LOG VERSION|TIMEPERIOD TRANSITION|Auto-save of retention data|Caught SIG|Successfully shutdown|"
    "Event broker|Finished daemonizing|Nagios [0-9]|Naemon [0-9]|Icinga [0-9]|Centreon Engine [0-9]|Local time is|wproc:|"
    "Warning: |Error: |nerd: |qh: |livestatus"
)
_STAMP = r"\[[0-9]{10}\]|\[[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})\]"
_ENGINE_LINE = rf"(?s)^\s*(?:(?P<stamp>{_STAMP}) )?(?:\[[a-z_]+\] )?(?:\[(?P<level>[a-z]+)\] )?(?P<text>.*)$"
_LOGIN_LINE = (
    r"(?s)^\s*(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)\|"
    r"(?P<user_id>-?[0-9]*)\|(?P<page>-?[0-9]*)\|"
    r"(?P<option>[^|]*)\|(?P<text>.*)$"
)
_OPENS = rf"(?:{_STAMP}) (?:\[[a-z_]+\] )?(?:\[[a-z]+\] )?(?:(?:{_KINDS}): |{_OTHERS})"
_LOGIN_OPENS = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?\|-?[0-9]*\|-?[0-9]*\|[^|]*\|"
_LAYOUTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f%z")
_SAID = sorted(columns_of(PHRASES))


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    body = lines.get_column("body")
    is_login = body.str.contains(rf"^\s*{_LOGIN_OPENS}")
    is_engine = body.str.contains(rf"^\s*(?:{_STAMP}) ") | (lines.get_column("sent").is_not_null() & ~is_login)
    parts = [
        lines.filter(chosen).hstack(lines.filter(chosen).get_column("body").str.extract_groups(pattern).struct.unnest())
        for chosen, pattern in ((is_login, _LOGIN_LINE), (is_engine & ~is_login, _ENGINE_LINE))
    ]
    fields = pl.concat(
        [parts[0].with_columns(kind=pl.lit("login")), parts[1].with_columns(kind=pl.lit("engine"))], how="diagonal"
    )
    said = said_in(fields.get_column("text"), PHRASES).select(pl.all().name.prefix("said "))
    stamp = pl.col("stamp").str.strip_chars("[]")
    moment = pl.coalesce(epoch(stamp), to_utc(stamp, _LAYOUTS, zone=zone_of(raw)))
    time = pl.when(stamp.is_null()).then(pl.coalesce("sent", "received")).otherwise(moment)
    bad = rejects_of(lines.filter(~(is_login | is_engine)), Reason.MALFORMED)
    return _MAKING.parsed(fields.hstack(said), time, want, bad=bad)


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    said = {name: pl.col(f"said {name}") for name in _SAID}
    plain = {name: said[name] for name in _SAID if "state" not in name and name not in {"host.name", "source.ip"}}
    state = _state()
    failed = state.is_in(["WARNING", "CRITICAL", "UNKNOWN", "DOWN", "UNREACHABLE"])
    by_state = pl.when(failed).then(pl.lit("failure")).when(state.is_not_null()).then(pl.lit("success"))
    is_login = pl.col("kind") == "login"
    return {
        **plain,
        "host.name": pl.coalesce(said["host.name"].str.to_lowercase(), "sender"),
        "observer.name": pl.col("sender"),
        "observer.product": pl.lit("Centreon"),
        "event.kind": pl.when(state.is_not_null()).then(pl.lit("state")).otherwise(pl.lit("event")),
        "event.category": pl.coalesce(said["event.category"], pl.lit(["host"])),
        "event.type": pl.coalesce(said["event.type"], pl.lit(["info"])),
        "event.outcome": pl.coalesce(said["event.outcome"], by_state),
        "event.severity": state.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": pl.col("level"),
        "message": pl.col("text"),
        "source.ip": address(said["source.ip"]),
        "user.name": words(said["user.name"]),
        "user.id": pl.when(is_login).then(words(pl.col("user_id").replace(["-1", "0", ""], [None, None, None]))),
        "tags": pl.when(said["event.action"].is_null()).then(pl.lit(["phrase_unknown"])),
    }


def _state() -> pl.Expr:
    return pl.coalesce(pl.col("said state").replace(_STATES), "said state")


def _own() -> dict[str, pl.Expr]:
    return {
        "service.state": _state(),
        "service.state.type": pl.col("said state_type"),
        "service.attempt": pl.col("said state_attempt"),
    }


_MAKING = Making(
    dataset="centreon." + pl.col("kind"),
    log_sources="centreon//" + pl.col("kind"),
    ecs=_ecs(),
    own=_own(),
    words=("kind", "level", "said event.action", "said event.outcome", "said state", "said state_type"),
)

PARSER = Parser(
    name="centreon",
    log_sources=(_ENGINE, _LOGIN),
    signature=Signature(
        pattern=rf"{header()}(?:{_OPENS}|{_LOGIN_OPENS})|{header('nagios[0-9]?|centengine|naemon|icinga|centreon-engine')}",
        rank=10,
        any_of=(
            r"\[[0-9]{10}\] ",
            r"(?:nagios|centengine|naemon|icinga|centreon)",
            r"\] \[[a-z]+\] ",
            r"[0-9]\|-?[0-9]*\|-?[0-9]*\|",
        ),
        any_text=("] ", "|", "nagios", "centengine", "naemon", "icinga", "centreon"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("message",),
)
