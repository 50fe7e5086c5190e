"""The README's two commands on a fresh Debian 12 that has nothing but python3 and python3-venv, as a user without rights.

Needs root and debootstrap; docs/fresh-machine.md says how it is done. The minimal system is made once in a cache folder.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.chroot

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("TOCSIN_CHROOT_CACHE", "/var/tmp/tocsin-debian12"))  # noqa: S108 - root's own cache, made 0755 once
CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"  # by its path: the guest's PATH lacks sbin
PACKAGES = "python3,python3-venv,ca-certificates"
WHOLE = bool(os.environ.get("TOCSIN_WHOLE"))
OF_COMMANDS = "tests/flow tests/test_cli.py tests/test_packaging.py tests/unit/cli"
MIRROR = "http://deb.debian.org/debian"


def _run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a fresh Debian 12 with a clean checkout in /home/tocsin/tocsin, owned by the user tocsin."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip("the fresh machine needs root and debootstrap")
    if not (CACHE / "usr/bin/python3").exists():
        made = _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(CACHE), MIRROR)
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    system = tmp_path_factory.mktemp("machine") / "debian"
    _run("cp", "-a", str(CACHE), str(system))
    _give_network(system)
    home = system / "home/tocsin"
    _run(CHROOT, str(system), "useradd", "--create-home", "tocsin")
    _run("git", "clone", "--quiet", str(ROOT), str(home / "tocsin"))
    _run(CHROOT, str(system), "chown", "-R", "tocsin:tocsin", "/home/tocsin")
    mounted = _run("mount", "-t", "proc", "proc", str(system / "proc"))
    yield system
    if mounted.returncode == 0:
        _run("umount", str(system / "proc"))
    shutil.rmtree(system, ignore_errors=True)


def _give_network(system: Path) -> None:
    """Let the guest reach what this machine reaches: its resolver and its certificate authorities."""
    for name in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
        if Path("/", name).exists():
            shutil.copy(Path("/", name), system / name)


def _as_user(system: Path, command: str) -> subprocess.CompletedProcess[str]:
    passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_") and name != "PIP_FIND_LINKS"}
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/home/tocsin", "LANG": "C.UTF-8", **passed}
    script = f"cd ~/tocsin && {command}"
    return _run(CHROOT, "--userspec=tocsin:tocsin", str(system), "/bin/sh", "-c", script, env=environment)


def test_demo_then_test(machine: Path) -> None:
    """`./bootstrap demo` sets up and finds the four planted attacks; `./bootstrap test` passes the quick tests.

    CI has run all of them in a clean checkout just before, so here it runs those of whole commands; TOCSIN_WHOLE=1 runs all.
    """
    demo = _as_user(machine, "./bootstrap demo")
    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr[-2000:]
    assert demo.stdout.splitlines()[-1].startswith("planted 4, found 4, others")

    tests = _as_user(machine, f"./bootstrap test -q -p no:cacheprovider {'' if WHOLE else OF_COMMANDS}")
    assert tests.returncode == 0, tests.stdout[-4000:]
    assert " passed" in tests.stdout
