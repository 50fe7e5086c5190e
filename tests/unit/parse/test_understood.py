"""What is understood is counted per source and dataset, and only that."""

import polars as pl

from correlator.parse.understood import fills_of


def test_main_fields_are_counted() -> None:
    """Nulls are not filled; an unknown sentence is counted; a column that is absent fills nothing."""
    frame = pl.DataFrame(
        {
            "source": ["a", "a", "b"],
            "event.dataset": ["x.y", "x.y", "x.y"],
            "source.ip": ["192.0.2.1", None, "192.0.2.2"],
            "tags": [None, ["phrase_unknown"], ["other"]],
        }
    )
    told = fills_of([frame, frame.head(1), frame.clear()])
    assert told["a", "x.y"]["events"] == 3
    assert (told["a", "x.y"]["source_ip"], told["a", "x.y"]["unknown"]) == (2, 1)
    assert (told["b", "x.y"]["events"], told["b", "x.y"]["unknown"], told["b", "x.y"].get("user_name", 0)) == (1, 0, 0)
