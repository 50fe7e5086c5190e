"""Listeners in a running Tocsin: what is sent becomes events of the right source and commune, once, over restarts too."""

import gzip
import json
import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from correlator.store import lake
from correlator.store.checkpoints import read_all_positions
from correlator.store.database import open_database, reading
from tests.flow.install import failed, kept, live, write_install
from tests.flow.listening import eventually, free_port, running, total

CARRIERS = Path(__file__).parents[2] / "parsers" / "samples" / "windows_eventlog" / "carriers.log"


def sources(config: Path) -> list[tuple[str, str]]:
    """Return source and commune of every event of the lake, sorted."""
    engine = open_database(config.parent / "data" / "tocsin.db")
    found = lake.events(engine).select("source", "commune").collect().rows()
    engine.dispose()
    return sorted(found)


def test_tcp_lines_become_an_incident(tmp_path: Path) -> None:
    """An install with nothing but a listener: four refused passwords open the incident of the commune."""
    port = free_port()
    config = write_install(tmp_path, {}, f'[[listener]]\nname = "relay"\nkind = "syslog-tcp"\nport = {port}\n')
    with running(config) as metrics:
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall("".join(failed(number) for number in range(4)).encode())
        eventually(lambda: total(metrics, "tocsin_parse_events_total", source="relay") == 4)

    assert sources(config) == [("relay", "00105")] * 4
    assert kept(config).incidents == [("high", 4)]


def test_a_restart_reads_what_was_journalled_and_not_processed(tmp_path: Path) -> None:
    """The process ends before it processed anything: the next one does, once; then the journal is freed."""
    port = free_port()
    config = write_install(tmp_path, {}, f'[[listener]]\nname = "relay"\nkind = "syslog-tcp"\nport = {port}\n')
    for start in (0, 10):
        with running(config, processing=False) as metrics, socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall("".join(failed(number) for number in range(start, start + 10)).encode())
            eventually(lambda: total(metrics, "tocsin_ingest_listened_total", listener="relay", result="received") == 10)
    with running(config):
        pass
    with running(config):
        pass

    assert kept(config).ledger["relay"]["read"] == 20
    assert len(set(kept(config).lake)) == 20
    assert len(list((tmp_path / "data" / "journal").iterdir())) == 1
    engine = open_database(config.parent / "data" / "tocsin.db")
    with reading(engine) as connection:
        assert len(read_all_positions(connection)["relay"]) == 1
    engine.dispose()


def test_udp_senders_are_told_apart_by_their_network(tmp_path: Path) -> None:
    """A datagram from a declared network bears that sender's source, and its commune; others the listener's."""
    port = free_port(socket.SOCK_DGRAM)
    listener = f"""
[[listener]]
name = "udp"
kind = "syslog-udp"
port = {port}
[[listener.sender]]
source = "aulnees-fw"
networks = ["127.0.0.2/32", "127.0.0.0/30"]
commune = "00105"
"""
    config = write_install(tmp_path, {}, listener)
    with running(config) as metrics:
        for address in ("127.0.0.2", "127.0.0.9"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((address, 0))
                sender.sendto(failed(1, host="unknown-1").encode().rstrip() + b"\0", ("127.0.0.1", port))
        eventually(lambda: total(metrics, "tocsin_ingest_listened_total", listener="udp", result="received") == 2)

    assert sources(config) == [("aulnees-fw", "00105"), ("udp", "unattributed")]


TOKENS = "windows 11111111-aaaa-4bbb-8ccc-000000000001\nlinux 11111111-aaaa-4bbb-8ccc-000000000002\n"
COLLECTOR = """
[[listener]]
name = "http"
kind = "http"
port = {port}
tokens_file = "tokens"
[[listener.sender]]
source = "windows"
commune = "00105"
[[listener.sender]]
source = "linux"
"""


def collector(folder: Path) -> tuple[Path, httpx.Client]:
    """Write an install with an HTTP listener; return its settings and a client."""
    port = free_port()
    config = write_install(folder, {}, COLLECTOR.format(port=port))
    (folder / "tokens").write_text(TOKENS)
    return config, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)


def test_what_shippers_post_is_what_the_parsers_read(tmp_path: Path) -> None:
    """Winlogbeat to _bulk, Fluent Bit and NXLog to HEC: the same events as if their records lay in a file."""
    config, client = collector(tmp_path)
    carried = [line for line in CARRIERS.read_text().splitlines() if line.startswith("{")]
    beats = [line for line in carried if '"winlog"' in line]
    others = [line for line in carried if '"winlog"' not in line]
    bulk = "".join(f'{{"create":{{"_index":"winlogbeat-8"}}}}\n{line}\n' for line in beats)
    hec = "".join(json.dumps({"time": 1795338930, "host": "x", "event": json.loads(line)}) for line in others)
    with running(config) as metrics, client:
        basic = httpx.BasicAuth("elastic", "11111111-aaaa-4bbb-8ccc-000000000001")
        took = client.post("/_bulk?filter_path=errors", content=gzip.compress(bulk.encode()), auth=basic,
                           headers={"Content-Encoding": "gzip"})  # fmt: skip
        splunk = {"Authorization": "Splunk 11111111-aaaa-4bbb-8ccc-000000000001"}
        posted = client.post("/services/collector/event", content=hec, headers=splunk)
        assert (took.json()["errors"], posted.json()["code"]) == (False, 0)
        eventually(lambda: total(metrics, "tocsin_parse_records_total", source="windows", fate="read") > 0)

    replayed = write_install(tmp_path / "replay", {"windows": "carried.log"})
    (replayed.parent / "carried.log").write_text("\n".join(sorted(carried)) + "\n")
    live(replayed)
    assert columns(config) == columns(replayed)
    assert {commune for _, commune in sources(config)} == {"00105"}


def columns(config: Path) -> list[tuple[object, ...]]:
    """Return what the lake says of each event, without what depends on how it came."""
    engine = open_database(config.parent / "data" / "tocsin.db")
    found = lake.events(engine).select("@timestamp", "event.code", "host.name", "own").collect().rows()
    engine.dispose()
    return sorted(found, key=str)


def test_bare_sentences_of_hec_clients_open_the_incident(tmp_path: Path) -> None:
    """Text with the host beside it is a syslog message; wrong tokens are counted, malformed pieces lie in the dead letter."""
    config, client = collector(tmp_path)
    said = "Failed password for root from 192.0.2.7 port 22 ssh2"
    about = {"host": "aul-web1", "sourcetype": "sshd"}
    events = [{**about, "time": 1795338930 + 10 * number, "event": said} for number in range(4)]
    with running(config) as metrics, client:
        splunk = {"Authorization": "Splunk 11111111-aaaa-4bbb-8ccc-000000000002"}
        client.post("/services/collector", content="".join(map(json.dumps, events)) + "{oops", headers=splunk)
        denied = client.post("/services/collector", content=json.dumps(events[0]), headers={"Authorization": "Splunk nonsense"})
        assert denied.status_code == 403
        assert total(metrics, "tocsin_ingest_connections_refused_total", listener="http", why="wrong token") == 1

    assert kept(config).incidents == [("high", 4)]
    assert kept(config).dead == {"malformed": 1}
    ledger = kept(config).ledger["linux"]
    assert (ledger["received"], ledger["read"], ledger["rejected"]) == (5, 4, 1)


def test_the_collector_speaks_tls(tmp_path: Path) -> None:
    """With its certificate; a client that speaks without gets nothing."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    issued.private_key_pem.write_to_path(tmp_path / "server.key")
    port = free_port()
    tls = 'tls_cert = "server.pem"\ntls_key = "server.key"\n'
    config = write_install(
        tmp_path, {}, COLLECTOR.format(port=port).replace("[[listener.sender]]", f"{tls}[[listener.sender]]", 1)
    )
    (tmp_path / "tokens").write_text(TOKENS)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    health = "/services/collector/health"
    with running(config), httpx.Client(verify=trusting) as client:
        assert client.get(f"https://localhost:{port}{health}").json()["code"] == 17
        with pytest.raises(httpx.HTTPError):
            client.get(f"http://localhost:{port}{health}")
