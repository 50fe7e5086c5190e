"""What Tocsin keeps is its owner's alone, whichever part makes the folder first."""

from pathlib import Path

from correlator.store.plans import write_plan


def test_the_data_folder_is_private(tmp_path: Path) -> None:
    """The plan cache comes before the database: it makes the data folder for its owner only, and leaves older ones alone."""
    tmp_path.chmod(0o755)
    write_plan(tmp_path / "data" / "cache", "key", b"{}")

    modes = [path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "data", tmp_path / "data" / "cache")]
    assert modes == [0o755, 0o700, 0o700]
