"""Explanations over SigmaHQ's rules: what is said is what the engine says, and what an independent oracle says."""

from pathlib import Path

import orjson
import pytest

from correlator.detect.dissect import dissect
from correlator.detect.explain import explain
from correlator.model.rule import RuleText
from correlator.runtime.explaining import event_frame

SIGMA = Path(__file__).parents[3] / "shared" / "sigma"
SYNTHETIC = SIGMA / "conformance" / "synthetic.jsonl"
SAMPLE = 40

pytestmark = pytest.mark.skipif(not SYNTHETIC.exists(), reason="../shared/sigma/conformance is absent")


def _rule_texts() -> dict[str, RuleText]:
    texts = [RuleText(str(path), path.read_text(encoding="utf-8")) for path in sorted((SIGMA / "sigmahq").rglob("*.yml"))]
    return {text.text.partition("\nid: ")[2].partition("\n")[0].strip(): text for text in texts}


def test_what_is_explained_is_what_the_engine_and_the_oracle_say() -> None:
    """The author's condition over the selections, the engine's verdict and the oracle's agree; every "no" has a reason."""
    texts = _rule_texts()
    cases = [orjson.loads(line) for line in SYNTHETIC.read_bytes().splitlines()]
    known = [case for case in cases if case["rule_id"] in texts]
    for case in known[:: len(known) // SAMPLE]:
        (dissected,) = dissect(texts[case["rule_id"]], case["rule_id"])
        found = explain(dissected, event_frame([case["event"]]))

        verdicts = (found.matches, found.sections[0].true, not found.reasons)
        assert verdicts == (case["oracle_match"],) * 3, case
        assert not any("as a whole" in reason for reason in found.reasons)
