"""``demo``: what it prints, what it keeps, what it exits with."""

from pathlib import Path

from tests.flow.install import rows, tocsin


def test_a_small_day(tmp_path: Path) -> None:
    """Incidents as NDJSON, the score last; exit 1 when asked to; what it kept is never mixed with a second day."""
    options = ("demo", "--scale", "0.02", "--keep", tmp_path / "day", "--format", "json")
    result = tocsin(*options, "--fail-on", "high")
    printed = rows(result.stdout)

    assert result.exit_code == 1
    assert printed[-1] == {"planted": 4, "found": 4, "others": 0}
    assert {"number", "severity", "commune", "incident"} <= printed[0].keys()
    kept = sorted(path.name for path in (tmp_path / "day").iterdir())
    assert kept == ["estate.toml", "logs", "store", "tocsin.toml", "truth"]
    listed = rows(tocsin("incidents", "--config", tmp_path / "day" / "tocsin.toml", "--format", "json").stdout)
    assert {row["number"] for row in listed} == {row["number"] for row in printed[:-1]}
    again = tocsin(*options)
    assert (again.exit_code, "holds a demonstration already" in again.stderr) == (2, True)
