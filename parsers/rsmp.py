"""RSMP 3 (road side message protocol): alarms, states and commands of traffic light controllers, as a supervisor logs them.

How to send it here: the supervision system's message log, one JSON message a line (what stands before the first brace, a time
or an arrow, is left out), through a ``file`` source or syslog; messages may be separated by form feeds as on the wire.
Reference: RSMP specification 3.1 to 3.2, "Basic structure", and the signal exchange list of traffic light controllers.

Values are text, their capitals vary. ``pri`` 1 is the highest. Who gave a command is not in the protocol: ``user.name`` is
there only where the supervisor adds ``user``. Acknowledgements (``MessageAck``) and watchdogs are events too, without meaning
but that the controller lives.

Sigma: ``product: ot``, ``service: rsmp`` with RSMP's names; of a command or a state ``cCI``, ``sCI``, ``n`` and ``v`` hold the
values of all its arguments; ``equipment.id`` is the component (``cId``).

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, START, TAGS, Product, Reading, first_of, moment
from correlator.parse.formats.values import texts, words

__all__ = ["PARSER"]

_LIGHTS = LogSource("ot", "", "rsmp")
_FEED = "\x0c"
# As a supervisor's log writes them: a time, a zone, a site, an arrow.
_LOGGED = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.,]{8,16}Z? (?:[!-~]{1,40} ){0,4}"
_PRIORITIES, _LEVELS = {"1": 75, "2": 50, "3": 25}, {"1": "high", "2": "medium", "3": "low"}
_ACTIONS = {
    "commandrequest": "command", "commandresponse": "command_answer", "aggregatedstatus": "state_change",
    "statusupdate": "measure", "statusresponse": "measure", "statusrequest": "request", "statussubscribe": "request",
    "statusunsubscribe": "request", "aggregatedstatusrequest": "request", "version": "online", "watchdog": "alive",
    "messageack": "acknowledged", "messagenotack": "refused",
}  # fmt: skip
_SPECIAL = {"acknowledge": "alarm_ack", "suspend": "alarm_suspended", "resume": "alarm_resumed", "request": "request"}

_type, _special = pl.col("type").str.to_lowercase(), pl.col("aSp").str.to_lowercase()
_state = pl.col("aS").str.to_lowercase()
_raised = pl.when(_state == "active").then(pl.lit("alarm_active")).when(_state == "inactive").then(pl.lit("alarm_cleared"))
_alarm = pl.coalesce(_special.replace_strict(_SPECIAL, default=None, return_dtype=pl.String), _raised, pl.lit("alarm"))
_action = pl.when(_type == "alarm").then(_alarm).otherwise(_type.replace_strict(_ACTIONS, default=None, return_dtype=pl.String))
_is_command = _type.is_in(["commandrequest", "commandresponse"])
_is_bad = (_type == "messagenotack") | (_action == "alarm_active")
_values = pl.coalesce("arg.v[]", "rvs.v[]", "sS.s[]")

_MAKING = Making(
    dataset="rsmp.message",
    log_sources=(_LIGHTS,),
    words=("type", "aSp", "aS", "pri", "cat", "mType"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_action == "alarm_active").then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_is_command).then(pl.lit(["configuration"])).otherwise(pl.lit(["host"])),
        "event.type": texts(pl.when(_type == "commandrequest").then(pl.lit("change")).otherwise(pl.lit("info"))),
        "event.action": pl.coalesce(_action, "type"),
        "event.code": first_of("aCId", "arg.cCI", "rvs.cCI", "sS.sCI", "xACId"),
        "event.outcome": pl.when(_type == "messagenotack").then(pl.lit("failure")),
        "event.reason": first_of("rea"),
        "event.reference": first_of("mId"),
        "event.severity": pl.when(_is_bad).then(pl.col("pri").replace_strict(_PRIORITIES, default=None, return_dtype=pl.Int64)),
        "log.level": first_of("pri").replace_strict(_LEVELS, default=None, return_dtype=pl.String),
        "message": pl.concat_str(
            "type", first_of("aCId", "arg.cCI", "rvs.cCI", "sS.sCI"), first_of("xACId", "arg.v", "rvs.v", "aS", "rea"),
            separator=" ", ignore_nulls=True,
        ),
        "device.id": pl.coalesce("cId", "ntsOId", "siteId.sId"),
        "device.name": words(first_of("xNId")),
        "user.name": words(first_of("user", "operator")),
        "host.name": pl.col(SENDER),
        "observer.name": pl.col(SENDER),
        "network.protocol": pl.lit("rsmp"),
    },
    own={
        "equipment.id": pl.coalesce("cId", "ntsOId", "siteId.sId"),
        "equipment.type": pl.lit("traffic_controller"),
        "point": first_of("aCId", "arg.cCI", "rvs.cCI", "sS.sCI"),
        "cCI": pl.coalesce("arg.cCI[]", "rvs.cCI[]"),
        "cO": pl.col("arg.cO[]"),
        "sCI": pl.col("sS.sCI[]"),
        "v": _values,
    },
)  # fmt: skip
_PRODUCT = Product(
    _MAKING,
    time=moment("aTs", "aSTS", "cTS", "sTs", "wTs", "timestamp", "time"),
    known=("type",),
    reading=Reading(shape=json.Shape(max_depth=10)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per message."""
    if not raw.get_column("text").str.contains(_FEED, literal=True).any():
        return _PRODUCT.parse(raw, want)
    bare = pl.col("text").str.strip_chars(f"{_FEED} \r\n\t")
    several = pl.concat_str(pl.lit("["), bare.str.replace_all(rf"{_FEED}[\s{_FEED}]*", ","), pl.lit("]"))
    is_several = bare.str.contains(_FEED, literal=True) & bare.str.starts_with("{")
    return _PRODUCT.parse(raw.with_columns(text=pl.when(is_several).then(several).otherwise(bare)), want)


PARSER = Parser(
    name="rsmp",
    log_sources=(_LIGHTS,),
    signature=Signature(
        pattern=START + r'"mType"\s*:\s*"rSMsg"|' + _LOGGED + r'\{\s*"mType"\s*:\s*"rSMsg"', rank=10, literals=('"rSMsg"',)
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_PRODUCT.declared("type"),
    parse=_parse,
    required=("event.action",),
)
