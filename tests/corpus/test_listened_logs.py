"""Real captures sent to a running Tocsin as shippers send them: the same events as when it reads them from a file."""

import gzip
import json
import zipfile
from pathlib import Path

import httpx
import pytest

from correlator.store import lake
from correlator.store.database import open_database
from tests.flow.install import live, write_install
from tests.flow.listening import free_port, running

pytestmark = pytest.mark.corpus

OTRF = Path(__file__).parents[3] / "shared" / "data" / "otrf" / "atomic" / "windows"
TOKEN = "11111111-aaaa-4bbb-8ccc-000000000001"  # noqa: S105 - of a test
LISTENER = """
[[listener]]
name = "http"
kind = "http"
port = {port}
tokens_file = "tokens"
[[listener.sender]]
source = "windows"
[[listener]]
name = "tcp"
kind = "syslog-tcp"
port = {tcp}
"""
CAPTURES = 3


def _captures() -> list[list[str]]:
    """Return the lines of the first captures, NXLog's JSON, one object a line."""
    found = []
    for archive in sorted(OTRF.rglob("*.zip")):
        with zipfile.ZipFile(archive) as packed:
            names = [name for name in packed.namelist() if name.endswith(".json") and not name.startswith("__MACOSX")]
            found += [packed.read(name).decode().splitlines() for name in names]
        if len(found) >= CAPTURES:
            return found[:CAPTURES]
    pytest.skip("../shared/data/otrf is absent")


def _events(config: Path) -> list[tuple[object, ...]]:
    engine = open_database(config.parent / "data" / "tocsin.db")
    found = lake.events(engine).select("@timestamp", "event.code", "host.name", "own", "event.original").collect()
    engine.dispose()
    return sorted(found.rows(), key=str)


def test_captures_over_bulk_hec_and_tcp_are_those_of_a_file(tmp_path: Path) -> None:
    """The first by _bulk, the second by HEC raw, the third by TCP lines: all of it, unchanged."""
    bulk, hec, tcp = _captures()
    port, line_port = free_port(), free_port()
    config = write_install(tmp_path, {}, LISTENER.format(port=port, tcp=line_port))
    (tmp_path / "tokens").write_text(f"windows {TOKEN}\n")
    splunk = {"Authorization": f"Splunk {TOKEN}"}
    with running(config), httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=splunk, timeout=60) as client:
        body = "".join(f'{{"create":{{}}}}\n{line}\n' for line in bulk).encode()
        answer = client.post("/_bulk", content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        assert answer.json()["errors"] is False
        assert client.post("/services/collector/raw", content="\n".join(hec)).json()["code"] == 0
        _send(line_port, tcp)
    replayed = write_install(tmp_path / "file", {"windows": "all.log"})
    (replayed.parent / "all.log").write_text("\n".join([*bulk, *hec, *tcp]) + "\n")
    live(replayed)

    assert len(_events(config)) == len([*bulk, *hec, *tcp])
    assert _events(config) == _events(replayed)


def test_a_capture_as_hec_objects_keeps_every_value(tmp_path: Path) -> None:
    """Objects are written anew as JSON: the text may differ, no value does."""
    capture = _captures()[0]
    port = free_port()
    config = write_install(tmp_path, {}, LISTENER.format(port=port, tcp=free_port()))
    (tmp_path / "tokens").write_text(f"windows {TOKEN}\n")
    with running(config), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        body = "".join(json.dumps({"time": 1, "host": "collector", "event": json.loads(line)}) for line in capture)
        answer = client.post("/services/collector", content=body, headers={"Authorization": f"Splunk {TOKEN}"})
        assert answer.json()["code"] == 0
    originals = sorted(json.dumps(json.loads(str(row[4])), sort_keys=True) for row in _events(config))

    assert originals == sorted(json.dumps(json.loads(line), sort_keys=True) for line in capture)


def _send(port: int, lines: list[str]) -> None:
    import socket  # noqa: PLC0415 - only here

    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall("".join(f"{line}\n" for line in lines).encode())
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b""  # read to its end
