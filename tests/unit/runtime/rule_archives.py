"""A small install with a rule set from an archive, for the tests of rule sets."""

import hashlib
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from correlator.config.settings import Settings, load_settings
from correlator.runtime.content import load_content

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
OTHER = '[[rule_set]]\nname = "other"\npath = "other"\n'


def rule(rule_id: str, level: str = "high", status: str = "test", value: int = 1) -> str:
    """Return a rule."""
    return (
        f"title: {rule_id}\nid: {rule_id}\nlevel: {level}\nstatus: {status}\nlogsource: {{product: linux}}\n"
        f"detection: {{s: {{f: {value}}}, condition: s}}\n"
    )


def packed(rules: dict[str, str], version: str = "r1") -> bytes:
    """Return an archive in the form of SigmaHQ's releases."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in {**rules, "version.txt": version}.items():
            archive.writestr(name, text)
    return stream.getvalue()


FIRST = packed({"rules/a.yml": rule("a"), "rules/b.yml": rule("b", "low"), "deprecated/c.yml": rule("c")})
SECOND = packed({"rules/a.yml": rule("a", value=2), "rules/d.yml": rule("d")}, "r2")


def settings_of(folder: Path, extra: str) -> Settings:
    """Return the settings of an install with one own rule of its own."""
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own" / "mine.yml").write_text(rule("mine", "low", "experimental"))
    (folder / "tocsin.toml").write_text(f'data_dir = "data"\nrules = ["own"]\n# kept\n{extra}')
    return load_settings(folder / "tocsin.toml", {})


def archive_set(folder: Path, content: bytes, sha256: str | None = None, where: str = 'path = "x.zip"') -> Settings:
    """Return the settings of an install with one set, whose archive has ``content``."""
    (folder / "x.zip").write_bytes(content)
    pin = hashlib.sha256(content).hexdigest() if sha256 is None else sha256
    line = f'sha256 = "{pin}"\n' if pin else ""
    return settings_of(folder, f'[[rule_set]]\nname = "hq"\n{line}{where}\n')


def running(settings: Settings) -> set[str]:
    """Return the ids of the rules that run."""
    return {one.id for one in load_content(settings).ruleset.rules}
