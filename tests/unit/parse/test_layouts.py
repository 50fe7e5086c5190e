"""However key=value lines are read (by layout, one by one, token by token), the same line gives the same columns."""

from itertools import chain
from random import Random

import polars as pl
import pytest

from correlator.parse.formats import keyvalue, layouts

_LINE = '<189>date=2026-11-18 devname="SIM A" msg="two words" srcip=10.1.2.3 url=/p?a=1 empty= quoted="" note=x y logid="001"'
_HOSTILE = (
    *('"', "\\", "\t", "\u00a0", "\u2028", "\x1c", "\x1f", "=", " ", "  ", "é", "\ufeff", "\n", ",", "%"),
    *(" user=evil", ' user="evil"', '" user=evil x="', 'a="', '""', " noise", ' "', "==", " =x", " /p?k=1", ' é="x"'),
)


def _spoiled(line: str, random: Random) -> str:
    for _ in range(random.choice((1, 1, 2, 3))):
        place, kind = random.randrange(len(line) + 1), random.random()
        if kind < 0.6:
            line = line[:place] + random.choice(_HOSTILE) + line[place:]
        elif kind < 0.9:
            line = line[:place] + line[place + random.randrange(1, 9) :]
        else:
            line = line[:place]
    return line


def _lines(count: int, seed: int) -> list[str]:
    random = Random(seed)  # noqa: S311 - the same lines each time
    return [_LINE if random.random() < 0.5 else _spoiled(_LINE, random) for _ in range(count)]


def _told(frame: pl.DataFrame) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if value is not None} for row in frame.to_dicts()]


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("escapes", ['"', '"\\', ""])
def test_every_way_reads_the_same(monkeypatch: pytest.MonkeyPatch, escapes: str, comma: bool) -> None:  # noqa: FBT001 - a case
    """Spoiled lines beside whole ones: by layout and one by one, they say what they say token by token."""
    for seed in range(4):
        lines = pl.Series(_lines(300, seed), dtype=pl.String)
        many = _told(keyvalue.pairs(lines, comma=comma, escapes=escapes))
        few = [
            _told(keyvalue.pairs(part, comma=comma, escapes=escapes))
            for part in (lines[at : at + 30] for at in range(0, 300, 30))
        ]
        with monkeypatch.context() as exact:
            exact.setattr(keyvalue, "_FEW", -1)
            exact.setattr(keyvalue, "read_by_layouts", lambda *_, **__: [])
            expected = _told(keyvalue.pairs(lines, comma=comma, escapes=escapes))
        assert many == expected
        assert list(chain(*few)) == expected


def test_layouts_read_lines_of_one_device() -> None:
    """Lines with the same names are of one layout, words in quotes included; what does not fit is left."""
    lines = [f'a={number} b="x y" c="{number}"' for number in range(50)]
    spoiled = [
        'a=1 b="x"y" c="1"',
        'a=1 b="x y" c="',
        'a=1 b="x\ty z" c="1"',
        'a=1 b="x y" d="1"',
        "a=1 b=x=y c=1",
        'a=" b="x y c="1"',
    ]
    found = layouts.read_by_layouts(pl.Series([*spoiled, *lines]), None, enough=10)
    assert [(rows.to_list(), frame.columns) for rows, frame in found] == [(list(range(6, 56)), ["a", "b", "c"])]
    assert found[0][1].row(7) == ("7", "x y", "7")


def test_long_lines_are_not_cut() -> None:
    """A line of thousands of words makes no layout, and a run of letters without a pair ends."""
    long = "a=1 " + "x " * 5000 + "b=2"
    found = keyvalue.pairs(pl.Series([long, "y" * 200_000]))
    assert found.to_dicts() == [{"a": "1", "b": "2"}, {"a": None, "b": None}]
    assert layouts.read_by_layouts(pl.Series([long] * 100), None, enough=10) == []
