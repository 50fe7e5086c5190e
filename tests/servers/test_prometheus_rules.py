"""promtool, Debian's: the alerts fire when they should and are quiet otherwise; every expression of the dashboard parses."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.server
if (PROMTOOL := shutil.which("promtool")) is None:
    pytest.skip("promtool is not installed: apt-get install prometheus", allow_module_level=True)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    return subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)


def test_alerts_fire_when_they_should() -> None:
    """The time lines of alerts.test.yml."""
    checked = promtool("check", "rules", str(ROOT / "deploy/prometheus/alerts.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", str(ROOT / "deploy/prometheus/alerts.test.yml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_dashboard_parses(tmp_path: Path) -> None:
    """Each expression, with its variable filled in, is a rule that promtool accepts."""
    panels = json.loads((ROOT / "deploy/grafana/tocsin.json").read_text())["panels"]
    expressions = [target["expr"].replace("$commune", "00101|00102") for panel in panels for target in panel.get("targets", ())]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert len(expressions) > 15
