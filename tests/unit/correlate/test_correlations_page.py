"""``docs/correlations.md``: every example loads, and is of the kind it is shown for."""

import re
from pathlib import Path

import yaml

from correlator.correlate.load import load_correlations
from correlator.correlate.rule import Judging, Kind

PAGE = Path(__file__).parents[3] / "docs" / "correlations.md"


def test_every_example_loads() -> None:
    """As plain YAML, with base rules of the names that it uses; each extension and the main types are shown."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    documents = [("page", one) for block in blocks for one in yaml.safe_load_all(block)]
    own = {one.get("name") for _, one in documents}
    bases = {name for _, one in documents for name in one["correlation"]["rules"]} - own

    loaded, problems = load_correlations(documents, {name: name for name in bases})

    assert problems == ()
    assert len(loaded) == len(documents)
    assert {rule.judging for rule in loaded} >= {
        Judging.ARRIVAL, Judging.CLOSED, Judging.ABSENT, Judging.FIRST, Judging.RARE, Judging.RATIO,
    }  # fmt: skip
    assert {rule.kind for rule in loaded} >= {Kind.EVENT_COUNT, Kind.VALUE_COUNT, Kind.TEMPORAL, Kind.TEMPORAL_ORDERED}
