"""Settings: one file, clear errors with their line, the environment on top."""

from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.errors import InputError

GOOD = """
install = "sim9"
data_dir = "data"
estate = "estate.toml"

[[source]]
name = "auth"
paths = ["/var/log/auth.log*"]

[[sink]]
name = "journal"
kind = "file"
path = "incidents.ndjson"
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(text)
    return path


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A configuration can be moved with its folder."""
    settings = load_settings(_write(tmp_path, GOOD), {})

    assert settings.database == tmp_path / "data" / "tocsin.db"
    assert settings.estate == tmp_path / "estate.toml"
    assert settings.sinks == {"journal": {"kind": "file", "path": str(tmp_path / "incidents.ndjson")}}


def test_relative_sources_are_relative_to_the_file(tmp_path: Path) -> None:
    """Also below a folder whose name looks like a pattern; absolute ones stay as they are."""
    folder = tmp_path / "site [1]"
    folder.mkdir()
    text = '[[source]]\nname = "a"\npaths = ["logs/*.log*", "/var/log/auth.log*"]\n'
    (source,) = load_settings(_write(folder, text), {}).source

    assert source.paths == (f"{tmp_path}/site [[]1]/logs/*.log*", "/var/log/auth.log*")


def test_the_environment_wins(tmp_path: Path) -> None:
    """TOCSIN_DATA_DIR replaces the file's value."""
    settings = load_settings(_write(tmp_path, GOOD), {"TOCSIN_DATA_DIR": "/srv/tocsin"})

    assert settings.data_dir == Path("/srv/tocsin")


def test_all_errors_at_once_with_their_lines(tmp_path: Path) -> None:
    """A misspelt key, a bad zone and a bad number are told together, each where it stands."""
    text = 'instal = "x"\nmetrics_port = 70000\n\n[[source]]\nname = "a"\npaths = ["x"]\ntime_zone = "Paris"\n'

    with pytest.raises(InputError) as caught:
        load_settings(_write(tmp_path, text), {})

    lines = {problem.line: str(problem) for problem in caught.value.problems}
    assert set(lines) == {1, 2, 7}
    assert "did you mean 'install'?" in lines[1]
    assert "Europe/Paris" in lines[7]


def test_names_are_unique(tmp_path: Path) -> None:
    """Two sources of one name would share positions: refused, at the second one's line."""
    text = '[[source]]\nname = "a"\npaths = ["x"]\n\n[[source]]\nname = "a"\npaths = ["y"]\n'

    with pytest.raises(InputError, match=r":6: source name 'a' is used twice"):
        load_settings(_write(tmp_path, text), {})


def test_text_that_is_no_toml(tmp_path: Path) -> None:
    """A syntax error names its line."""
    with pytest.raises(InputError, match=r"tocsin.toml:2: not TOML"):
        load_settings(_write(tmp_path, 'install = "a"\ndata_dir = \n'), {})


def test_no_file_gives_the_defaults() -> None:
    """Without a file everything has a default, so that `tocsin try` needs none."""
    assert load_settings(None, {}).sink == ()


def test_a_folder_one_may_not_look_into_holds_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -u tocsin` from somebody's home: the settings are looked for further on, nothing crashes."""

    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)

    assert load_settings(None, {"HOME": "/home/a"}).data_dir == Path("/home/a/.local/state/tocsin")
