"""The launcher that the bootstrap leaves."""

import subprocess
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[3] / "tocsin"


def test_a_module_in_the_current_folder_does_not_run(tmp_path: Path) -> None:
    """Standing in a folder somebody else may write to is no danger: its click.py is not ours."""
    if not LAUNCHER.exists():
        pytest.skip("no launcher: ./bootstrap makes it")
    (tmp_path / "click.py").write_text("raise SystemExit(99)")

    assert subprocess.run([str(LAUNCHER), "--version"], check=False, cwd=tmp_path, capture_output=True).returncode == 0
