r"""CrowdSec (1.4 to 1.7): the agent's log (logfmt or JSON), and alerts as the Local API and notification plugins give them.

How to send it here: alerts, a notification plugin of type ``http`` (``/etc/crowdsec/notifications/http.yaml``, ``format:
{{.|toJson}}``) towards the HTTP collector, named in ``profiles.yaml``; or ``cscli alerts list -o json`` into a file. The log, a
``file`` source on ``/var/log/crowdsec.log``, or syslog with the tag ``crowdsec``. Reference: CrowdSec documentation,
"Notification plugins", "Local API".

An alert is one event, with the decisions it led to: ``ban`` is denied, ``captcha`` and ``throttle`` decide nothing, and
``simulated`` blocks nobody. Decisions of community lists (``origin: CAPI`` or ``lists``) are no attack on this estate: their
``event.kind`` is ``enrichment``. Times are RFC 3339.

Sigma: ``product: crowdsec``, ``service: alert`` with the API's names (``scenario``, ``source.value``, ``decisions.type``), and
``service: log`` (``level``, ``msg``).

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.records import START
from correlator.parse.formats.unwrap import header
from parsers.crowdsec import alerts, log

__all__ = ["PARSER"]

_LOGRUS = r'time="[0-9]{2,4}-[0-9]{2}-[0-9]{2,4}[T ][^"]*" level=[a-z]+ '
_MEMBER = r'"[a-z_-]+":'  # of a line of texts alone: servers of the web write numbers and objects into theirs
_OURS = (
    r"(?:performed '[A-Za-z0-9_.-]+/| by (?:ip|range|country|as) .*: [0-9a-z.]+ (?:ban|captcha|throttle) on |[Cc]rowd[Ss]ec"
    r"|/v1/(?:decisions|alerts|watchers|heartbeat|usage-metrics)|module=(?:acquisition|apiserver|cwhub|appsec)|scenario=)"
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per alert and per line of the log."""
    text = raw.get_column("text")
    is_alert = text.str.contains(r'"(?:scenario|decisions|alerts)"\s*:') & text.str.contains(r'[\[{]\s*[{"]')
    parts = []
    if is_alert.any():
        parts.append(alerts.PRODUCT.parse(raw.filter(is_alert), want))
    if not is_alert.all():
        parts.append(log.read(raw.filter(~is_alert), want))
    if not parts:
        return alerts.PRODUCT.parse(raw, want)
    return Parsed(
        tuple(frame for part in parts for frame in part.events),
        pl.concat([part.rejects for part in parts]),
        pl.concat([part.skipped for part in parts]),
    )


PARSER = Parser(
    name="crowdsec",
    log_sources=(*alerts.SOURCES, *log.SOURCES),
    signature=Signature(
        pattern=header("crowdsec(?:-[a-z-]+)?") + r"(?:time=\"|\{|level=)"
        rf"|^\s*{_LOGRUS}.*{_OURS}"
        rf'|{START}(?:"scenario"\s*:[\s\S]*"(?:decisions|leakspeed|scenario_hash)"\s*:|"decisions"\s*:[\s\S]*"scenario"\s*:)'
        rf'|^\{{"level":"[a-z]+"(?:,{_MEMBER}"(?:[^"\\]|\\.)*")*?,{_MEMBER}"(?:[^"\\]|\\.)*?{_OURS}',
        rank=10,
        any_text=("crowdsec", 'time="', '"scenario"', '"level":"'),
        any_of=('crowdsec|time="[^"]*" level=|"scenario"|"level":"',),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=alerts.PRODUCT.declared() | log.declared(),
    parse=_parse,
    required=("message",),
)
