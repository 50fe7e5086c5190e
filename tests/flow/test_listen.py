"""Listeners in a running Tocsin: what is sent becomes events of the right source and commune, once, over restarts too."""

import socket
from pathlib import Path

from correlator.store import lake
from correlator.store.checkpoints import read_all_positions
from correlator.store.database import open_database, reading
from tests.flow.install import failed, kept, write_install
from tests.flow.listening import eventually, free_port, running, total


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
    assert list((tmp_path / "data" / "journal").iterdir()) == []
    engine = open_database(config.parent / "data" / "tocsin.db")
    with reading(engine) as connection:
        assert read_all_positions(connection) == {}
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
