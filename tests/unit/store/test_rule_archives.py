"""Archives of rules: every form is read, and nothing hostile gets further than the refusal."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from correlator.errors import InputError
from correlator.store import rule_archives
from correlator.store.rule_archives import read_archive

RULE = b"title: t\n"
MEMBERS = {"rules/a.yml": RULE, "rules/deep/b.yaml": RULE, "version.txt": b"r1\n", "README.md": b"x", ".github/c.yml": RULE}


def tar(members: dict[str, bytes]) -> bytes:
    """Return a tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        folder = tarfile.TarInfo("rules")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def special(kind: bytes) -> bytes:
    """Return a tar archive with one member that is no file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("rules/a.yml")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    return stream.getvalue()


def linked() -> bytes:
    """Return a zip archive with a symbolic link."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("rules/a.yml")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def twice() -> bytes:
    """Return a zip archive with two members of one name, for a file system that knows no case."""
    return zipped({"rules/a.yml": RULE, "rules/A.yml": RULE})


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}  # fmt: skip


@pytest.mark.parametrize("packer", PACKERS)
def test_tar_in_every_coat(tmp_path: Path, packer: str) -> None:
    """Rules and version are taken, hidden folders and other files passed over."""
    (tmp_path / "x").write_bytes(PACKERS[packer](tar(MEMBERS)))

    assert read_archive(tmp_path / "x") == {"rules/a.yml": RULE, "rules/deep/b.yaml": RULE, "version.txt": b"r1\n"}


def test_zip(tmp_path: Path) -> None:
    """The form of SigmaHQ's releases."""
    (tmp_path / "x").write_bytes(zipped(MEMBERS))

    assert set(read_archive(tmp_path / "x")) == {"rules/a.yml", "rules/deep/b.yaml", "version.txt"}


@pytest.mark.parametrize("pack", [zipped, tar])
@pytest.mark.parametrize(
    "name", ["../a.yml", "/etc/a.yml", "rules/../../a.yml", "c:\\a.yml", "rules\\..\\a.yml", "a\n.yml", f"{'a' * 500}.yml"]
)
def test_names_that_lead_outside(tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes], name: str) -> None:
    """The whole archive is refused, by the name of the member."""
    (tmp_path / "x").write_bytes(pack({"rules/good.yml": RULE, name: RULE}))
    with pytest.raises(InputError, match="leads outside"):
        read_archive(tmp_path / "x")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (special(tarfile.SYMTYPE), "a link or a device"),
        (special(tarfile.LNKTYPE), "a link or a device"),
        (special(tarfile.CHRTYPE), "a link or a device"),
        (special(tarfile.FIFOTYPE), "a link or a device"),
        (linked(), "a link or a device"),
        (twice(), "stands twice"),
        (zipped({"README.md": b"x"}), "no rule is in the archive"),
        (b"PK\x03\x04 no zip", "cannot be read"),
        (b"", "cannot be read"),
        (gzip.compress(tar(MEMBERS))[:-200], "cannot be read"),
        (zipped(MEMBERS)[:-60], "cannot be read"),
    ],
    ids=[
        "symbolic link",
        "hard link",
        "device",
        "pipe",
        "linked",
        "twice",
        "no rule",
        "no zip",
        "empty",
        "cut tar",
        "cut zip",
    ],  # of their bytes, which hold the time, every process would make names of its own
)
def test_what_has_no_place_there(tmp_path: Path, content: bytes, what: str) -> None:
    """Links, devices, doubles, broken archives: refused with the reason."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=what):
        read_archive(tmp_path / "x")


@pytest.mark.parametrize("pack", [zipped, lambda members: gzip.compress(tar(members))])
def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    """What unpacks to more than the limits is given up where the limit is reached, whatever its headers say."""
    monkeypatch.setattr(rule_archives, "_WHOLE_LIMIT", 100_000)
    monkeypatch.setattr(rule_archives, "_MEMBER_LIMIT", 60_000)
    (tmp_path / "x").write_bytes(pack({f"rules/{number}.yml": bytes(50_000) for number in range(4)}))
    with pytest.raises(InputError, match="unpacks to more than"):
        read_archive(tmp_path / "x")
    (tmp_path / "x").write_bytes(pack({"rules/a.yml": bytes(70_000)}))
    with pytest.raises(InputError, match="is larger than"):
        read_archive(tmp_path / "x")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand names are no archive of rules."""
    monkeypatch.setattr(rule_archives, "_MOST", 3)
    for content in (zipped(MEMBERS), tar(MEMBERS)):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(InputError, match="more than 3 members"):
            read_archive(tmp_path / "x")
