r"""Windows event log, however it was carried: one event shape out of all carriers.

Read are the JSON of the ``evtx`` reader (both attribute styles), winlogbeat, NXLog ``to_json()``, flat ``Get-WinEvent``
exports, and ``<Event>`` XML (wevtutil, Windows Event Forwarding, Fluent Bit with ``Render_Event_As_XML``).

- ``@timestamp``: Sysmon's ``UtcTime`` where there is one (the moment of the act), else the time the event was created.
  A time without zone is local to the source's ``time_zone``.
- Own fields keep the names and texts of the source: hex stays hex, ``%%4417`` stays, ``\r\n\t\t`` in lists stays.
  ``winlog.decoded.<Name>`` holds the words (``AccessList`` of 5145: ``["ReadData", "WriteData"]``), so a mapping can point a
  rule that tests words at them, and rules that test ids see the raw text.
- Where data and system use one name, data wins and the system's value is ``System_<Name>`` (``Channel`` of 104); EventID,
  Provider_Name and Computer are always the system's.
- 4688 also has process_creation's names; there ``ProcessId`` is the new process, ``ParentProcessId`` its creator.

Speed: about 22,000 events per CPU-second, not 30,000, of the six transports mixed: an event is a KiB of XML or JSON with
forty names.
"""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

import polars as pl

from correlator.model.reject import Reason
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.records import START
from correlator.parse.times import zone_of

from .channels import log_sources
from .decode import decode
from .ecs import NEEDED
from .events import by_event, events_of
from .fields import FIELDS
from .flat import flats_of
from .own import made_of

__all__ = ["PARSER"]

# What the carriers have in common is little; each alternative is the mark of one of them.
# It begins the record, or stands behind a syslog header: what a stranger put into a URL or a name is no mark.
_SIGNATURE = (
    r'^[^"{]{0,300}?<(?:Event|RenderingInfo)[^"{]{0,40}["\']http://schemas\.microsoft\.com/win/2004/08/events/event'
    r"|^[^0-9A-Za-z_]{0,4}(?:<\?xml[^>]{0,100}\?>\s*)?(?:<Events?(?:\s|>\s*(?:<System|<Event|$))|</Events>\s*$)|^[^0-9A-Za-z_]{0,4}<\?xml[^>]{0,100}\?>\s*$"
    r"|" + START + r'(?:"winlog"\s*:\s*\{'
    r'|"System"\s*:\s*\{\s*"Provider'
    r'|"SourceModuleType"\s*:\s*"im_msvistalog"'
    r'|"ProviderGuid"\s*:\s*"\{'
    r'|"EventID"\s*:\s*"?[0-9][\s\S]*"(?:Channel|SourceName)"\s*:\s*"'
    r'|"(?:Channel|SourceName)"\s*:\s*"[\s\S]*"EventID"\s*:\s*"?[0-9])'
)
_ANY_TEXT = (
    *('"EventID"', '"winlog"', '"System"', '"SourceModuleType"', '"ProviderGuid"'),
    *("schemas.microsoft.com/win/2004/08/events/event", "<Event", "</Events>", "<?xml"),
)
_MARKS = (
    (r"^<Event xmlns=['\"]http://schemas\.microsoft\.com/win/2004/08/events/event",),
    (r"^\{", r'"Channel": ?"', r'"EventID": ?"?[0-9]'),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return the events of ``raw``: a frame per channel and event id, or per channel and log sources where they are few."""
    with _uncollected():
        return _read(raw, want)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the search for cycles wait: JSON has none, and to look for them in every value costs as much as decoding it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    decoded, asked = decode(raw), None if want is None else made_of(want | NEEDED)
    groups, unnamed = by_event(chain.from_iterable(flats_of(lot, asked, decoded.rejects) for lot in decoded.lots.values()))
    frames, untimed = events_of(groups, want, zone_of(raw))
    refused = {**decoded.rejects, **dict.fromkeys(untimed, Reason.BAD_TIME), **dict.fromkeys(unnamed, Reason.MISSING_FIELD)}
    return Parsed(tuple(_without(frames, refused)), _rejects(refused), pl.Series("raw_row", decoded.skipped, dtype=pl.UInt32))


def _without(frames: Iterable[pl.DataFrame], refused: dict[int, Reason]) -> Iterable[pl.DataFrame]:
    """Return the frames without refused rows: a record is read whole or not at all."""
    if not refused:
        return frames
    kept = (frame.filter(~pl.col("raw_row").is_in(list(refused))) for frame in frames)
    return (frame for frame in kept if frame.height)


def _rejects(refused: dict[int, Reason]) -> pl.DataFrame:
    return pl.DataFrame(
        {"raw_row": list(refused), "reason": [str(reason) for reason in refused.values()]},
        schema={"raw_row": pl.UInt32, "reason": pl.String},
    )


PARSER = Parser(
    name="windows_eventlog",
    log_sources=log_sources(),
    signature=Signature(pattern=_SIGNATURE, rank=30, marks=_MARKS, any_text=_ANY_TEXT),
    maturity=Maturity.PROVED,
    fields=FIELDS,
    parse=_parse,
    required=("event.code", "winlog.channel"),
)
