"""docs/install.md on a fresh Debian 12: from nothing to the first incident, the console over TLS and a backup, and how long."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from correlator.harness.demo.generator import generate
from tests.chroot.test_fresh_machine import CACHE, CHROOT, MIRROR, PACKAGES, ROOT, _give_network, _run

pytestmark = pytest.mark.chroot
SCRIPT = Path(__file__).with_name("install.sh")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Path]:
    """Give a fresh Debian 12 with a clean checkout in /opt/tocsin and a day of logs in /var/log/remote."""
    if os.geteuid() != 0 or _run("which", "debootstrap").returncode:
        pytest.skip("the fresh machine needs root and debootstrap")
    if not (CACHE / "usr/bin/python3").exists():
        made = _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(CACHE), MIRROR)
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    system = tmp_path / "debian"
    _run("cp", "-a", str(CACHE), str(system))
    _give_network(system)
    _run(CHROOT, str(system), "useradd", "--create-home", "dsi")
    _run("git", "clone", "--quiet", str(ROOT), str(system / "opt/tocsin"))
    _run(CHROOT, str(system), "chown", "-R", "dsi:dsi", "/opt/tocsin")
    (tmp_path / "truth").mkdir()
    generate(system / "var/log/remote", tmp_path / "truth" / "truth.ndjson", 9, 0.2)
    _run(CHROOT, str(system), "chgrp", "-R", "adm", "/var/log/remote")
    mounted = _run("mount", "-t", "proc", "proc", str(system / "proc"))
    yield system
    if mounted.returncode == 0:
        _run("umount", str(system / "proc"))


def test_the_install_page(bare: Path) -> None:
    """First incident, console over TLS, verified backup; the seconds of each step are printed."""
    (bare / "tmp/install.sh").write_bytes(SCRIPT.read_bytes())
    passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_") and name != "PIP_FIND_LINKS"}
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **passed}
    command = [CHROOT, str(bare), "/bin/sh", "/tmp/install.sh"]  # noqa: S108 - inside the guest
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=1_500)

    print(done.stdout)  # noqa: T201 - the figures are what somebody runs it for
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "CONSOLE 200 True" in done.stdout
    assert "every file is as it was backed up" in done.stdout
    assert "FAILED" not in done.stdout
    assert re.search(r"^TOTAL \d+$", done.stdout, re.MULTILINE)
