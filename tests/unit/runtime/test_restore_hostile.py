"""Archives that nobody's backup wrote: refused in words, and nothing of them stays, inside or outside."""

import tarfile
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest

from correlator.errors import InputError
from correlator.runtime.restore import restore

WHOLE = b'{"v":1,"files":{},"created":"2026-11-22T00:00:00Z","tocsin":"0","holds":{"schema":""}}'
ARCHIVES: dict[str, list[tuple[str, bytes]]] = {
    "a manifest that is no object": [("manifest.json", b"[1]")],
    "a manifest without files": [("manifest.json", b'{"v":1}')],
    "a manifest cut short": [("manifest.json", b'{"v":1,')],
    "a file twice": [("tocsin.db", b"x"), ("tocsin.db", b"y"), ("manifest.json", WHOLE)],
    "a file that is a folder": [("lake", b"x"), ("lake/a", b"y"), ("manifest.json", WHOLE)],
    "names outside": [("../escaped", b"x"), ("lake/../../escaped", b"x"), ("manifest.json", b"{}")],
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    """The error names the archive; the folder is as it was: not there."""
    written = BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in ARCHIVES[kind]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    archive = tmp_path / "in" / "a.tar.zst"
    archive.parent.mkdir()
    with pa.CompressedOutputStream(str(archive), "zstd") as stream:
        stream.write(written.getvalue())
    with pytest.raises(InputError, match=r"a\.tar\.zst"):
        restore(archive, tmp_path / "out" / "data")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.tar.zst"]
