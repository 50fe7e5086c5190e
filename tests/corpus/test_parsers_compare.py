"""Real logs whose writers are known: nobody's line is called another product's, and what each parser reads of its own.

``tocsin parsers compare --examples`` shows the lines behind the numbers.
"""

import tomllib
from functools import cache
from pathlib import Path

import orjson
import pytest

from correlator.harness.corpora import crowdsec
from correlator.harness.corpora.compare import NAMES, Comparison, compare_all, record_of, summed
from correlator.harness.corpora.judge import Outcome, Tally
from correlator.harness.corpora.page import RECORDED
from correlator.parse.registry import find_parsers

pytestmark = pytest.mark.corpus

SHARED = Path(__file__).parents[3] / "shared"
PARSERS = find_parsers()

#: Corpus → least share of the records of catalogued products that are parsed: raised as parsers come, never lowered.
LEAST_PARSED = {
    "crowdsec-hub": 0.99,
    "sc4s": 0.95,
    "panther": 0.98,
    "elastic-examples": 1.0,
    "lnav": 0.98,
    "otrf": 0.99,
    "plaso": 0.99,
    "smart-data-models": 0.98,
    "suricata-frank": 1.0,
    "zeek-btest": 0.98,
    "zeek-ot": 1.0,
}
#: Corpus → records that are still called another product's, to be mended.
MOST_WRONG: dict[str, int] = {}
#: Of the values that CrowdSec found and we compare, at least so many are the same; so many of its values are compared.
LEAST_EQUAL, LEAST_COMPARED = 0.98, 0.47


@cache
def _compared(name: str) -> Comparison:
    if not (SHARED / "data" / name).is_dir():
        pytest.skip(f"../shared/data/{name} is absent")
    return compare_all(SHARED, PARSERS, (name,))


def _catalogued(name: str) -> Tally:
    return summed(tally for tally in _compared(name).tallies if tally.expected)


@pytest.mark.parametrize("name", NAMES)
def test_no_record_is_called_another_products(name: str) -> None:
    """Neither of a product that has a parser here nor of one that has none."""
    wrong = [example for tally in _compared(name).tallies for example in tally.examples.get("wrong", [])]
    assert len(wrong) <= MOST_WRONG.get(name, 0), wrong


@pytest.mark.parametrize("name", NAMES)
def test_share_of_records_parsed(name: str) -> None:
    """Of products in the catalogue, by their own parser, with its required fields."""
    total = _catalogued(name)
    assert total.outcomes[Outcome.PARSED] / total.records >= LEAST_PARSED[name]


def test_fields_of_crowdsec() -> None:
    """What its parsers found is found by ours; what is not compared has a reason."""
    fields = _compared("crowdsec-hub").fields
    assert fields is not None
    assert fields.equal.total() / fields.compared >= LEAST_EQUAL
    assert fields.compared / fields.total >= LEAST_COMPARED
    assert dict(fields.unnamed) == {}


def test_every_record_of_crowdsec_is_judged() -> None:
    """693 records that CrowdSec's parsers read."""
    if not (SHARED / "data" / "crowdsec-hub").is_dir():
        pytest.skip("../shared/data/crowdsec-hub is absent")
    assert sum(bool(line.parser) for line in crowdsec.read_tests(SHARED / "data", {})) == 693


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_read_worse_than_recorded(name: str) -> None:
    """The reference page promises what was recorded; `tocsin parsers compare --record` writes it anew."""
    now = {(row["source"], *row["parsers"]): row for row in record_of(_compared(name))["sources"]}
    recorded = [row for row in orjson.loads(RECORDED.read_bytes())["sources"] if row["corpus"] == name]
    known = [(row, now.get((row["source"], *row["parsers"]))) for row in recorded]
    worse = [(was, is_) for was, is_ in known if is_ and (is_["parsed"] < was["parsed"] or is_["wrong"] > was["wrong"])]
    assert worse == []


def test_the_tables_name_parsers_that_exist() -> None:
    """A parser that was renamed would be expected in vain."""
    tables = Path(__file__).parent
    expected = tomllib.loads((tables / "expected.toml").read_text(encoding="utf-8"))
    fields = tomllib.loads((tables / "crowdsec_fields.toml").read_text(encoding="utf-8"))
    named = {
        name
        for table in [*expected.values(), fields["parser"], fields["log_type"]]
        for names in table.values()
        for name in names
    }
    assert sorted(named - set(PARSERS) - {"-"} - TO_COME) == []


#: Parsers that the tables expect and that are not written yet.
TO_COME: set[str] = set()
