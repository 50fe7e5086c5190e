"""Shared assets are shown, never a reason to group: they take part in everybody's incidents."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import polars as pl

from correlator.config.settings import Settings
from correlator.model.detection import DETECTION
from correlator.model.estate import Commune, Estate, Network, SharedAsset
from correlator.model.finding import FINDING
from correlator.model.hit import HIT
from correlator.runtime.content import Content, load_content
from correlator.runtime.findings import findings, without_shared
from tests.flow.install import RULES

NOW = datetime(2026, 11, 17, 3, 0, tzinfo=UTC)


def content(folder: Path) -> Content:
    """Return content with an estate of one commune and one shared asset."""
    (folder / "rules.yml").write_text(RULES)
    asset = SharedAsset("directory", hosts=("SIM-DC*",), addresses=(ip_network("10.10.10.5/32"),))
    networks = (Network(ip_network("10.10.0.0/16"), "servers", "shared"),)
    estate = Estate(communes=(Commune("00105", "AUL", "Les Aulnées", hosts=("aul-*",)),), networks=networks, shared=(asset,))
    return load_content(Settings(data_dir=folder), [folder / "rules.yml"], estate=estate)


def finding(name: str, *seen: tuple[str, str, bool]) -> dict[str, object]:
    """Return a finding with observables (kind, value, strong)."""
    observables = [{"kind": kind, "role": "host", "value": value, "strong": strong} for kind, value, strong in seen]
    return {"finding.id": name, "kind": "detection", "first": NOW, "last": NOW, "event.ids": [name], "observables": observables}


def test_what_the_estate_lists_as_shared_groups_nothing(tmp_path: Path) -> None:
    """Host patterns (with or without domain, in any case) and addresses of shared assets; their networks are not meant."""
    found = pl.DataFrame(
        [
            finding("a", ("host", "sim-dc02.ad.example", True), ("user", "SIM-DC02", True), ("ip", "10.10.10.5", True)),
            finding("b", ("host", "aul-fs01", True), ("ip", "10.10.10.6", True), ("ip", "198.51.100.7", True)),
            finding("c", ("host", "SIM-DC01", False)),
            finding("d"),
        ],
        schema=FINDING,
    )
    shown = without_shared(found, content(tmp_path).is_shared)

    strong = {
        row["finding.id"]: [one["value"] for one in row["observables"] if one["strong"]] for row in shown.iter_rows(named=True)
    }
    assert strong == {"a": ["SIM-DC02"], "b": ["aul-fs01", "10.10.10.6", "198.51.100.7"], "c": [], "d": []}
    assert shown.schema == FINDING
    assert shown.drop("observables").equals(found.drop("observables"))
    values = [[one["value"] for one in seen] for seen in shown["observables"]]
    assert values == [[one["value"] for one in seen] for seen in found["observables"]]


def test_findings_without_any_observable_stay_as_they_are(tmp_path: Path) -> None:
    """Empty batches, empty lists and nulls."""
    asked = content(tmp_path).is_shared
    empty = pl.DataFrame(schema=FINDING)
    holes = pl.DataFrame([{**finding("a"), "observables": None}, finding("b")], schema=FINDING)

    assert without_shared(empty, asked).equals(empty)
    assert without_shared(holes, asked).equals(holes)


def test_a_hit_that_is_told_once_belongs_to_its_only_commune() -> None:
    """A correlation may have to look across communes to know of one; what grows stays where it can grow to."""
    row = {"rule.level": "high", "lane": "cross", "first": NOW, "last": NOW, "event.ids": ["e"], "observables": []}
    hits = pl.DataFrame(
        [
            {**row, "hit.id": "a", "rule.id": "whole", "communes": ["00105"]},
            {**row, "hit.id": "b", "rule.id": "whole", "communes": ["00105", "00106"]},
            {**row, "hit.id": "c", "rule.id": "grows", "communes": ["00105"]},
            {**row, "hit.id": "d", "rule.id": "whole", "communes": ["00106"], "lane": "shared"},
        ],
        schema=HIT,
    )

    found = findings(pl.DataFrame(schema=DETECTION), hits, (), {"whole"})

    assert dict(found.select("finding.id", "lane").iter_rows()) == {"a": "00105", "b": "cross", "c": "cross", "d": "shared"}
