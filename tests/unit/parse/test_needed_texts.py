"""Needed texts of a signature: read off its regex, and held by whatever the regex finds."""

from random import Random

import polars as pl
import pytest

from correlator.parse.needed_texts import needed_texts
from correlator.parse.registry import find_parsers
from tests.unit.parse.test_swift_route import sample_lines, spoiled


@pytest.mark.parametrize(
    ("regex", "texts"),
    [
        (r"^(?:[Hh]ostd|vpxa(?:\[[0-9]+\])?): ", ("ostd", "vpxa")),
        (r"a long text (?:b|cc)|x(?P<user.name>.*)yz", ("a long text ", "yz")),
        (r"(?m)^(?:apache2?|httpd)(?-u:\b)", ("apache", "httpd")),
        (r"(?:one|two)?[a-z]three*", ("thre",)),
        (r"ab{2}c{0,3}d\x{feff}\t", ("ab",)),
        (r"\{\"type\"\s*:", ('{"type"',)),
        (r"(?i:folded)|plain", ()),
        (r"(?i)folded", ()),
        (r"one|[a-z]+", ()),
        (r"[[:alpha:]]xyz", ()),
        (r"\u00e9xyz", ()),
        (r"(?=xyz)", ()),
    ],
)
def test_needed_texts(regex: str, texts: tuple[str, ...]) -> None:
    """The most telling texts of each alternative; none where one alternative needs none or is not understood."""
    assert needed_texts(regex) == texts


def test_what_signatures_say_for_speed_is_true() -> None:
    """Of samples, whole and spoiled: what a pattern finds holds its needed texts, one ``any_text`` and one ``any_of``."""
    random = Random(5)  # noqa: S311 - the same lines each time
    lines = sample_lines()
    every = pl.Series([*lines, *(spoiled(line, random) for line in lines)], dtype=pl.String).str.head(4096)
    for parser in find_parsers().values():
        signature = parser.signature
        found = every.filter(every.str.contains(signature.pattern))
        for literal in signature.literals:
            found = found.filter(found.str.contains(literal, literal=True))
        for texts in filter(None, (needed_texts(signature.pattern), signature.any_text)):
            assert found.filter(~found.str.contains_any(list(texts))).to_list() == [], (parser.name, texts)
        if signature.any_of:
            held = pl.DataFrame({"line": found}).select(
                pl.any_horizontal(pl.col("line").str.contains(regex) for regex in signature.any_of)
            )
            assert found.filter(~held.to_series()).to_list() == [], (parser.name, signature.any_of)
