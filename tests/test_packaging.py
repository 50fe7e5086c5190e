"""The wheel: built offline, complete, installed beside the dependencies it runs."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("correlator", "parsers", "sinks", "sigma", "rules", "pyproject.toml", "README.md", "LICENSE")
TOP_LEVEL = {"correlator", "parsers", "sinks"}
#: What we put into the namespace of pySigma, where it looks for plugins.
PLUGINS = {"sigma/backends/polars/__init__.py", "sigma/pipelines/tocsin/__init__.py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy of what git would hold."""
    copy = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in SHIPPED:
        whole = ROOT / name
        shutil.copytree(whole, copy / name, ignore=ignored) if whole.is_dir() else shutil.copy(whole, copy / name)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (made,) = out.glob("*.whl")
    return made


def _files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_code_and_data(wheel: Path) -> None:
    """All three packages, every rule, the migrations, the demonstration's estate, the samples, licences and types."""
    files = _files(wheel)
    ours = {str(path.relative_to(ROOT)) for name in TOP_LEVEL for path in (ROOT / name).rglob("*.py")}
    assert ours - files == set()
    assert {name for name in files if name.startswith("sigma/")} == PLUGINS
    rules = {f"correlator/_{path.relative_to(ROOT)}" for path in (ROOT / "rules").rglob("*.yml")}
    assert len(rules) >= 25
    assert rules - files == set()
    data_files = {str(path.relative_to(ROOT)) for path in (ROOT / "correlator/config/data").glob("*.toml")}
    assert len(data_files) >= 3
    assert data_files - files == set()
    for data in ("correlator/py.typed", "correlator/harness/demo/estate.toml", "correlator/store/migrations/env.py"):
        assert data in files
    assert any(name.startswith("correlator/store/migrations/versions/") for name in files)
    assert any(name.startswith("parsers/samples/") for name in files)
    assert {"LICENSE"} <= {Path(name).name for name in files if ".dist-info/licenses" in name}


def test_the_wheel_claims_no_name_but_ours(wheel: Path) -> None:
    """Three top-level packages, two plugins of pySigma and the metadata; no other installed distribution has one of them."""
    tops = {name.partition("/")[0] for name in _files(wheel) - PLUGINS}
    assert {name for name in tops if not name.endswith(".dist-info")} == TOP_LEVEL
    claimed = importlib.metadata.packages_distributions()
    assert {name: set(claimed.get(name, ["tocsin"])) for name in TOP_LEVEL} == {name: {"tocsin"} for name in TOP_LEVEL}


def test_an_installed_tocsin_runs(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own: version, all shipped rules, a replay that finds something; nothing from the checkout."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    dependencies = sysconfig.get_path("purelib")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")  # a plain path: .pth files in there are not followed
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--no-deps", "--no-index", "-q"]
    installed = subprocess.run([*pip, "--force-reinstall", str(wheel)], capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr

    def tocsin(*arguments: str) -> str:
        command = [str(home / "bin" / "tocsin"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = subprocess.run(
        [str(home / "bin" / "python"), "-m", "sigma.cli.main", "list", "targets"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "polars" in listed.stdout, listed.stderr
    where = [
        str(home / "bin" / "python"),
        "-c",
        "import correlator, parsers, sinks; print(correlator.__file__, parsers.__file__)",
    ]
    assert str(ROOT) not in subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert tocsin("--version").startswith("tocsin, version ")
    shipped = sum(1 for name in _files(wheel) if name.startswith("correlator/_rules/detections/") and name.endswith(".yml"))
    assert len(tocsin("rules", "list", "--format", "json").splitlines()) >= shipped
    (tmp_path / "auth.log").write_text("Nov 17 03:00:00 web sshd[1]: Failed password for ana from 192.0.2.7 port 22 ssh2\n")
    assert "1 of 1 records" in tocsin("try", "auth.log")


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


def test_the_second_lock_differs_in_pysigma_only() -> None:
    """What runs with pySigma 2 is otherwise what ships; sigma-cli, which pins pySigma 1, is not in it (`just lock`)."""
    second, shipped = _pins("requirements-pysigma2.lock"), _pins("requirements.lock")
    different = {name for name, version in shipped.items() if second.get(name) != version}

    assert shipped["pysigma"].startswith("1.")
    assert second["pysigma"].startswith("2.")
    assert "sigma-cli" not in second
    build = {"hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}
    assert different - build == {"pysigma"}
