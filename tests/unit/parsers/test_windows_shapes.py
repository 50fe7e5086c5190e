"""Records decoded by what others taught: whatever stands beside a record, or came before it, it means what it means alone."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.model.raw import RAW
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers
from parsers.windows_eventlog import flat

PARSER = "windows_eventlog"
PARSERS = find_parsers()
UNHURRIED = settings(deadline=None, max_examples=30)  # the machine is shared

_SYSTEM = {
    "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon", "Guid": "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}"}},
    "EventID": 1,
    "Level": 4,
    "Keywords": "0x8000000000000000",
    "TimeCreated": {"#attributes": {"SystemTime": "2026-11-22T20:00:00.000000Z"}},
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Computer": "pc1.ville.example",
    "Correlation": None,
}
_DATA = {"Image": "C:\\Windows\\cmd.exe", "CommandLine": "cmd /c dir", "User": "VILLE\\agent", "ProcessId": 4}
CRATE = {"Event": {"System": _SYSTEM, "EventData": _DATA}}
FLAT = {
    "TimeCreated": "2026-11-22T20:00:00Z", "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Computer": "pc1.ville.example", "SourceName": "Microsoft-Windows-Sysmon", **_DATA,
}  # fmt: skip
NXLOG = {
    **FLAT, "EventTime": "2026-11-22 21:00:00", "SourceModuleType": "im_msvistalog", "Severity": "INFO", "SeverityValue": 2,
    "Keywords": -9214364837600034816, "Domain": "AUTORITE NT", "AccountName": "Système", "AccountType": "User",
}  # fmt: skip
VALUES = (
    "x", "", "a:b", ":", "::1", '":', '\\":', 'say \\"x\\": null', '"Image": null', "é", "{}", "[1]", None, 7, 1.5, True,
    ["one"], ["one", None], [], {}, {"a": "b"}, [{"a": 1}], "%%4417", "two\nlines", "tab\there",
)  # fmt: skip
KEYS = ("Image", "Level", "EventID", "Data", "TimeCreated", "Category", "New Value", "Evil", ":", 'q"', "back\\", "tags")


def _written(record: dict[str, Any], how: int) -> str:
    """Return the record as JSON text, in one of the ways that senders and strangers write it."""
    if how == 1:
        return json.dumps(record)
    if how == 2:
        return json.dumps(record, separators=(",", " : "))
    if how == 3:
        return json.dumps(record, separators=(",", ":"))[:-1] + ',"Image":"twice"}'
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


@st.composite
def records(draw: st.DrawFn) -> str:
    """Return a Windows record with a few keys changed, added or taken away."""
    record = json.loads(json.dumps(draw(st.sampled_from((CRATE, FLAT, NXLOG)))))
    part = record["Event"]["EventData"] if "Event" in record else record
    for key, value in draw(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=3)):
        part[key] = value
    for key in draw(st.lists(st.sampled_from(sorted(part)), max_size=1)):
        del part[key]
    text = _written(record, draw(st.sampled_from((0, 0, 0, 1, 2, 3))))
    return text.replace(
        "Microsoft-Windows-Sysmon/", draw(st.sampled_from(("Microsoft-Windows-Sysmon/", "microsoft-windows-sysmon/")))
    )


def _told(texts: list[str], want: frozenset[str] | None = None) -> list[dict[str, object]]:
    """Return what the parser makes of each text: its event without nulls, or the reason of its refusal."""
    count = len(texts)
    rows = pl.DataFrame(
        {
            "id": [str(place) for place in range(count)], "source": ["s"] * count, "stream": ["t"] * count,
            "offset": range(count), "received": [datetime(2026, 11, 22, 21, tzinfo=UTC)] * count, "peer": [None] * count,
            "path": ["p"] * count, "line": range(count), "text": texts, "flags": [0] * count,
        },
        schema=RAW,
    )  # fmt: skip
    result = read(rows, PARSERS, forced={"s": PARSER}, want=want, final=True)
    assert result.problems == ()
    told: dict[str, dict[str, object]] = {
        key: {"reject": why} for key, why in result.rejects.select("id", "reason").iter_rows()
    }
    for frame in result.events:
        for event in frame.drop("raw_row", "event.id", "log.line").with_columns(frame.get_column("event.id")).to_dicts():
            place = str(event.pop("event.id"))
            told[place] = {name: _listed(value) for name, value in event.items() if value is not None}
    return [told[str(place)] for place in range(count)]


def _listed(value: object) -> object:
    """Return a text as the list of that one text: the same to a rule."""
    return [value] if isinstance(value, str) else value


def _alone(text: str, want: frozenset[str] | None = None) -> dict[str, object]:
    flat.plan.cache_clear()
    return _told([text], want)[0]


@UNHURRIED
@given(st.lists(records(), min_size=2, max_size=5))
def test_a_record_means_the_same_among_others(texts: list[str]) -> None:
    """With templates of the others in force, a record gives the event that it gives alone in a process that knows none."""
    alone = [_alone(text) for text in texts]
    flat.plan.cache_clear()
    assert _told(texts) == alone
    assert _told(list(reversed(texts))) == list(reversed(alone))


@UNHURRIED
@given(records())
def test_a_wanted_field_is_the_same_as_among_all(text: str) -> None:
    """What is wanted is only left out or in, never another value."""
    want = frozenset({"Image", "CommandLine", "Level", "Data", "Evil"})
    every, some = _alone(text), _alone(text, want)
    assert {name: value for name, value in every.items() if name in want} == {
        name: value for name, value in some.items() if name in want
    }


@pytest.mark.parametrize("how", range(3))
def test_records_of_one_kind_are_read_by_their_template(how: int) -> None:
    """The first teaches, the others follow: none is read by itself, unless its keys cannot be counted."""
    texts = [_written(CRATE, how).replace("cmd /c dir", f"cmd /c {number}") for number in range(5)]
    told = _told(texts)
    assert [event["CommandLine"] for event in told] == [[f"cmd /c {number}"] for number in range(5)]


def test_what_is_remembered_is_bounded() -> None:
    """A sender who invents names fills no memory."""
    flat.plan.cache_clear()
    bound = flat.plan.cache_info().maxsize
    _told([json.dumps({**FLAT, f"Invented{number}": "x"}) for number in range(40)])
    assert bound is not None
    assert flat.plan.cache_info().currsize <= bound


def _nested(levels: int, *, lists: bool) -> str:
    """Return a flat record with one value so deep that the whole has ``levels`` levels."""
    inner = "[" * (levels - 1) + "1" + "]" * (levels - 1) if lists else '{"a":' * (levels - 1) + "1" + "}" * (levels - 1)
    return json.dumps(FLAT, separators=(",", ":"))[:-1] + f',"Deep":{inner}}}'


@pytest.mark.parametrize("lists", [False, True])
def test_what_is_nested_too_deep_is_refused_alone(*, lists: bool) -> None:
    """64 levels are an event, 65 are none, thousands neither; their neighbours are read."""
    texts = [_nested(64, lists=lists), _written(FLAT, 0), _nested(65, lists=lists), _nested(5000, lists=lists)]
    told = _told(texts)
    assert ["reject" in event for event in told] == [False, False, True, True]
    assert {event["reject"] for event in told[2:]} == {"too_deep"}
    assert _told(texts, frozenset({"Image"}))[2] == {"reject": "too_deep"}  # whoever wants the field or not


def test_names_in_another_order_are_the_same_names() -> None:
    """A sender that writes its names in another order is read by the shape of the others, except where order decides."""
    turned = json.dumps(dict(reversed(FLAT.items())), separators=(",", ":"))
    assert _told([_written(FLAT, 0), turned]) == [_alone(_written(FLAT, 0)), _alone(turned)]
    twice = {**CRATE["Event"], "EventData": {"Image": {"#text": "one"}, "Inner": {"Image": "two"}}}
    texts = [_written({"Event": twice}, 0)]
    twice["EventData"] = dict(reversed(twice["EventData"].items()))
    texts.append(_written({"Event": twice}, 0))
    assert _told(texts) == [_alone(text) for text in texts]
    assert [event["Image"] for event in _told(texts)] == [["one"], ["two"]]
