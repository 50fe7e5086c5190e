"""Every parser's samples through the lake and back: an event read again from its record says what it said live."""

from pathlib import Path

import polars as pl
import pytest

from correlator.config.settings import load_settings
from correlator.parse.document import documents
from correlator.runtime.again import read_again
from correlator.runtime.content import Content, load_content
from correlator.runtime.explaining import SOURCE, events_of, read_by
from correlator.store.lake import LAKE, shape_events

SAMPLES = Path(__file__).parents[2] / "parsers" / "samples"
CASES = sorted(path for path in SAMPLES.glob("*/*.log"))
#: Samples whose records mean nothing without a header line that stands elsewhere: they come back as the lake has them.
HEADED = {
    "m365_audit/export", "municipal/csv", "municipal/french_csv_cp1252", "municipal/french_csv_lines",
    "water_telemetry/unusual", "access_control/unusual", "vms/unusual",
    "zeek/broken", "zeek/industrial", "zeek/ordinary", "zeek/unusual",
}  # fmt: skip
#: The same for some records of a sample; the others have the columns that their product writes by default.
PARTLY_HEADED = {
    "exchange_tracking/unusual": 2,
    "iis_w3c/broken": 2,
    "iis_w3c/ordinary": 1,
    "iis_w3c/unusual": 9,
    "olfeo/unusual": 2,
    "water_telemetry/ordinary": 1,
}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Return what events are read with; the rules do not matter."""
    rule = tmp_path_factory.mktemp("rules") / "r.yml"
    rule.write_text("title: t\nid: r\nlogsource: {product: p}\ndetection: {s: {a: b}, condition: s}\n")
    return load_content(load_settings(None), [rule])


@pytest.mark.parametrize("sample", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_read_again_is_the_event(sample: Path, content: Content) -> None:
    """All fields, lists and own ones too; records with a header elsewhere are as the lake has them, and counted."""
    chosen = read_by(content, sample.parent.name if sample.parent.name in content.parsers else "auto")
    live = [frame for frames in events_of([str(sample)], chosen) for frame in frames if frame.height]
    if not live:
        pytest.skip("the sample makes no event")
    rows = pl.concat([pl.DataFrame(schema=LAKE), *map(shape_events, live)], how="diagonal").select(LAKE.names())
    made = read_again(rows, chosen.parsers, forced=chosen.forced, zones={SOURCE: "Europe/Paris"})

    name = f"{sample.parent.name}/{sample.stem}"
    assert made.as_kept == (rows.height if name in HEADED else PARTLY_HEADED.get(name, 0))
    assert _documents(made.frames) == _documents(live)


def _documents(frames: "list[pl.DataFrame] | tuple[pl.DataFrame, ...]") -> dict[str, dict[str, object]]:
    drop = {"raw_row", "n"}
    return {str(one["event.id"]): one for frame in frames for one in documents(frame, drop=drop)}
